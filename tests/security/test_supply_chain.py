"""What is installed is pinned by hash, and its licences are listed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python|MPL 2\.0|Mozilla Public License 2\.0|CNRI")


def locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / name).read_text(), re.MULTILINE))


def listed() -> dict[str, str]:
    rows = re.findall(r"^\| (\S+) \| \d\S* \| (.+?) \|$", (ROOT / "docs/licences.md").read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): licence for name, licence in rows}


def test_every_locked_package_is_pinned_by_its_hash() -> None:
    for name in LOCKS:
        requirements = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text().strip())
        assert [line for line in requirements if "==" in line and "--hash=sha256:" not in line] == []


NOT_ON_LINUX = {"colorama", "httpx2-jsfetch", "pywin32", "tzdata"}


def test_the_licence_of_every_package_at_run_time_is_listed_and_permissive() -> None:
    licences = listed()
    missing = locked("requirements.lock") - licences.keys() - NOT_ON_LINUX
    assert not missing, "write docs/licences.md anew by the command in it"
    others = {name: licence for name, licence in licences.items() if not PERMISSIVE.search(licence)}
    assert others == {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}  # only linked to, by DBOS
