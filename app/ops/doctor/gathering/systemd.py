"""ollama.service as systemd reports it, and Ollama's log."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from app.ops.doctor.gathering.server import log_file
from app.ops.doctor.gathering.tools import CommandOutput, engine_variables, read, run
from app.ops.doctor.observations import BlindSpot, Log, Server, Unit, UnitFile
from app.ops.doctor.ollama_log import telling_lines

_PROPERTIES = (
    "LoadState,ActiveState,MainPID,User,FragmentPath,DropInPaths,EnvironmentFiles,Environment,NeedDaemonReload"
)
# A coarse form of ollama_log's pattern, so that journalctl leaves out the lines of requests.
_GREP = (
    "server config|Listening on|[Gg][Pp][Uu]|[Vv]ulkan|ROCm|rocBLAS|hipError|inference compute|offloaded|"
    "load request|llama-server|^Error: "
)
_MAX_LOG_BYTES = 16 * 2**20


def look_at_unit() -> tuple[Unit | None, tuple[BlindSpot, ...]]:
    """ollama.service; None if systemd is not running or has no such unit."""
    output = run("systemctl", "show", "ollama.service", "--property", _PROPERTIES)
    if output is None or output.code != 0:
        return None, ()
    shown = dict(line.split("=", 1) for line in output.out.splitlines() if "=" in line)
    if shown.get("LoadState") != "loaded":
        return None, ()
    unit = read_unit(shown)
    unread = [file.path for file in unit.files if file.environment is None]
    return unit, tuple(BlindSpot(path, "only its owner may read it") for path in unread)


def read_unit(shown: dict[str, str]) -> Unit:
    """The unit and its files, parsed from the output of `systemctl show`."""
    paths = [shown.get("FragmentPath", ""), *shown.get("DropInPaths", "").split()]
    files = [_unit_file(Path(path)) for path in paths if path]
    # EnvironmentFiles=/etc/default/ollama (ignore_errors=yes)
    named = map(Path, re.findall(r"(/\S+) \(ignore_errors", shown.get("EnvironmentFiles", "")))
    environment_files = [UnitFile(str(path), _environment_file(path)) for path in named if path.exists()]
    own = engine_variables(_assignments(shown.get("Environment", "")))
    from_files = [file.environment or {} for file in environment_files]
    return Unit(
        active_state=shown.get("ActiveState", ""),
        main_pid=int(shown.get("MainPID") or 0),
        user=shown.get("User", ""),
        needs_reload=shown.get("NeedDaemonReload") == "yes",
        environment={name: value for part in (own, *from_files) for name, value in part.items()},
        files=(*files, *environment_files),
    )


def _unit_file(path: Path) -> UnitFile:
    text = read(path)
    if text is None:
        return UnitFile(str(path), None)
    lines = re.findall(r"^\s*Environment\s*=(.*)$", text, re.MULTILINE)
    return UnitFile(str(path), engine_variables({n: v for line in lines for n, v in _assignments(line).items()}))


def _environment_file(path: Path) -> dict[str, str] | None:
    text = read(path)
    if text is None:
        return None
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", ";"))]
    return engine_variables({name: value for line in lines for name, value in _assignments(line).items()})


def _assignments(line: str) -> dict[str, str]:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def look_at_log(unit: Unit | None, server: Server | None) -> tuple[Log, tuple[BlindSpot, ...]]:
    """The relevant lines of the log since the server's last start."""
    by_unit = server.started_by == "systemd" if server is not None else unit is not None
    if by_unit:
        log, blind = _journal()
        if log.lines or blind:
            return log, blind
    for path in _log_files(server):
        lines = _tail(path)
        if lines:
            return Log(str(path), telling_lines(lines)), ()
    if server is None and unit is None:
        return Log(), ()
    return Log(), (BlindSpot("Ollama's log", "it is neither in the journal nor in a file that this user can see"),)


def _journal() -> tuple[Log, tuple[BlindSpot, ...]]:
    command = ("journalctl", "--unit", "ollama.service", "--boot", "--output", "cat", "--no-pager")
    output = run(*command, "--grep", _GREP, "--lines", "20000")
    if output is None or "Compiled without pattern matching" in output.err:
        output = run(*command, "--lines", "20000")
    return read_journal(output)


def read_journal(output: CommandOutput | None) -> tuple[Log, tuple[BlindSpot, ...]]:
    """The log in journalctl's output, or the reason why it is not there."""
    if output is None:
        return Log(), (BlindSpot("Ollama's log", "journalctl did not answer"),)
    lines = telling_lines(output.out.splitlines())
    if lines:
        return Log("journalctl -u ollama", lines), ()
    # journalctl prints this if it omits lines that only root and these groups may see.
    if re.search(r"not seeing messages|insufficient permissions", output.err):
        why = "journalctl -u ollama shows it to root and to the groups adm and systemd-journal only"
    else:
        why = "the journal has nothing of Ollama's last start"
    return Log(), (BlindSpot("Ollama's log", why),)


def _log_files(server: Server | None) -> Iterator[Path]:
    if server is not None and (path := log_file(server)) is not None:
        yield path
    yield Path.home() / ".ollama" / "logs" / "server.log"


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MAX_LOG_BYTES))
            return file.read(_MAX_LOG_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return []
