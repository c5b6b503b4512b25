"""The running `ollama serve`: its process from /proc, its unit from systemd, its log."""

import pwd
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from app.ops.doctor.gathering.tools import CommandOutput, engine_variables, read, run
from app.ops.doctor.observations import BlindSpot, Log, Server, StartedBy, Unit, UnitFile
from app.ops.doctor.ollama_log import telling_lines

PROC = Path("/proc")

_LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h
_CONTAINER = re.compile(r"docker|containerd|libpod|kubepods|lxc")


def find_server(port: int, main_pid: int, proc: Path = PROC) -> tuple[Server | None, tuple[BlindSpot, ...]]:
    """The process that listens on `port`. If sockets can't be seen: systemd's process, or the only candidate."""
    candidates = list(_candidates(proc))
    chosen = next((pid for pid in candidates if _listens(proc, pid, port)), None)
    hidden = [pid for pid in candidates if not _can_list_files(proc, pid)]
    if chosen is None and (main_pid in hidden or len(hidden) == 1):
        chosen = main_pid if main_pid in hidden else hidden[0]
    if chosen is None:
        return None, ()
    server = _describe(proc, chosen)
    if server is not None and server.environment is None:
        return server, (BlindSpot("the environment of Ollama's process", f"it belongs to user {server.user}"),)
    return server, ()


def log_file(server: Server, proc: Path = PROC) -> Path | None:
    """The file that the server's standard error is written to, if it is a file and can be seen."""
    try:
        target = (proc / str(server.pid) / "fd" / "2").readlink()
    except OSError:
        return None
    return target if target.is_file() else None


def _candidates(proc: Path) -> Iterator[int]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            words = (read(folder / "cmdline") or "").split("\0")
            if len(words) > 1 and "ollama" in Path(words[0]).name and words[1] in ("serve", "start"):
                yield int(folder.name)


def _listens(proc: Path, pid: int, port: int) -> bool:
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in (read(proc / str(pid) / "net" / table) or "").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[-1], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return any(target in inodes for target in _files(proc, pid))


def _files(proc: Path, pid: int) -> Iterator[str]:
    try:
        for file in (proc / str(pid) / "fd").iterdir():
            yield str(file.readlink())
    except OSError:
        return


def _can_list_files(proc: Path, pid: int) -> bool:
    return next(_files(proc, pid), None) is not None


def _describe(proc: Path, pid: int) -> Server | None:
    folder = proc / str(pid)
    status = dict(line.split(":\t", 1) for line in (read(folder / "status") or "").splitlines() if ":\t" in line)
    if "Uid" not in status:
        return None
    uid = int(status["Uid"].split()[1])
    gids = {int(status["Gid"].split()[1]), *(int(gid) for gid in status.get("Groups", "").split())}
    words = (read(folder / "cmdline") or "").split("\0")
    return Server(
        pid=pid,
        user=_user_name(uid),
        uid=uid,
        groups=tuple(sorted(gids)),
        executable=_executable(folder) or words[0],
        environment=_environment(folder),
        effective_capabilities=int(status.get("CapEff", "0"), 16),
        started_by=_started_by(read(folder / "cgroup") or ""),
    )


def _started_by(cgroup: str) -> StartedBy:
    if _CONTAINER.search(cgroup):
        return "container"
    return "systemd" if "ollama.service" in cgroup else "hand"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _executable(folder: Path) -> str | None:
    try:
        return str((folder / "exe").readlink()).removesuffix(" (deleted)")
    except OSError:
        return None


def _environment(folder: Path) -> dict[str, str] | None:
    text = read(folder / "environ")
    if text is None:
        return None
    return engine_variables(dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair))


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
