"""The running `ollama serve`, from /proc."""

import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from app.ops.doctor.gathering.tools import engine_variables, read
from app.ops.doctor.observations import BlindSpot, Server, StartedBy

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
