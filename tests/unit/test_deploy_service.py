"""deploy/systemd, the Dockerfile and compose.yaml fit the service, and pass their own tools."""

import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from app.server import SETTLE_LIMIT_S
from app.settings import Settings, describe

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
UNIT = SYSTEMD / "condenser.service"
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())

WORST_EXPOSURE = 20  # tenths: 2.0 of systemd's scale from 0, safe, to 10

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze (Debian: apt-get install systemd) is not here"
)


def unit_setting(name: str) -> str:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return parser["Service"][name]


def test_the_environment_file_has_every_setting_with_its_default_and_meaning() -> None:
    blocks = (SYSTEMD / "condenser.env").read_text().strip().split("\n\n")[1:]
    listed = [(block.splitlines()[0], block.splitlines()[-1]) for block in blocks]
    assert listed == [
        (f"# {meaning}", f"#{name}={'' if default == 'unset' else default}") for name, default, meaning in describe()
    ]


@needs_systemd
def test_the_sandbox_leaves_an_exposure_of_2_at_most() -> None:
    arguments = ["security", "--offline=true", f"--threshold={WORST_EXPOSURE}", "--no-pager", str(UNIT)]
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", ["condenser.service", "ollama.service"])
def test_systemd_finds_nothing_wrong(unit: str, tmp_path: Path) -> None:
    # The programs are not installed here, and those units that they come after need not be.
    program = "/bin/true"
    own = UNIT.read_text().replace(unit_setting("ExecStart"), program)
    (tmp_path / "condenser.service").write_text(own)
    (tmp_path / "ollama.service").write_text(f"[Service]\nExecStart={program}\n")
    shutil.copytree(SYSTEMD / "ollama.service.d", tmp_path / "ollama.service.d")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_who_stops_the_service_waits_for_what_is_under_way() -> None:
    engine_s = 5  # app/engine/embedded.py gives its process as long to end
    longest_s = Settings.model_fields["drain_timeout_s"].default + SETTLE_LIMIT_S + engine_s
    assert int(unit_setting("TimeoutStopSec")) > longest_s
    assert int(COMPOSE["services"]["condenser"]["stop_grace_period"].removesuffix("s")) > longest_s


def test_an_installed_copy_has_every_file_of_the_repository() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packed = {
        path for package, patterns in packages.items() for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }  # fmt: skip
    data = {path for path in (ROOT / "app").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert data <= packed


def test_hadolint_finds_nothing_wrong_with_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_nothing_but_the_sources_can_get_into_the_image() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line for line in lines if line.startswith("!")} == {
        "!app", "!pyproject.toml", "!README.md", "!LICENSE", "!requirements.lock",
    }  # fmt: skip


def test_compose_lets_other_machines_reach_no_port_and_starts_without_a_key_not_at_all() -> None:
    services = COMPOSE["services"].values()
    assert all(port.startswith("127.0.0.1:") for service in services for port in service.get("ports", []))
    assert COMPOSE["services"]["condenser"]["environment"]["CONDENSER_API_KEYS"].startswith("${CONDENSER_API_KEY:?")


def test_compose_has_as_many_calls_in_the_engine_as_ollama_has_slots() -> None:
    slots = COMPOSE["x-ollama"]["environment"]["OLLAMA_NUM_PARALLEL"]
    assert COMPOSE["services"]["condenser"]["environment"]["CONDENSER_MAX_CONCURRENCY"] == slots


def test_every_image_has_a_version() -> None:
    images = [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    assert all(image.partition(":")[2][:1].isdigit() or ":v" in image for image in images)


def test_the_workflow_is_one_by_githubs_schema() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    workflow = str(ROOT / ".github" / "workflows" / "test.yml")
    command = [checker, "--builtin-schema", "vendor.github-workflows", workflow]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
