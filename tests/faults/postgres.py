"""A PostgreSQL of its own, from Debian's package, for the block."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.process import free_port

_USER = "nobody"  # PostgreSQL refuses to run as root


def _programs() -> Path:
    """Debian's folder of PostgreSQL's programs, which is not on the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders or not (folders[-1] / "initdb").exists():
        pytest.skip("PostgreSQL is not installed; Debian: apt-get install postgresql")
    return folders[-1]


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    programs = _programs()
    as_user: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("runuser"):
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        as_user = ["runuser", "-u", _USER, "--"]
    folder = Path(tempfile.mkdtemp(prefix="condenser-postgres-", dir="/tmp"))
    if as_user:
        shutil.chown(folder, _USER)
    data, port = folder / "data", free_port()

    def run(*command: object) -> None:
        subprocess.run([*as_user, *map(str, command)], check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        run(programs / "initdb", "-D", data, "-U", "condenser", "-A", "trust", "--no-sync")
        run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", options)
        try:
            yield f"postgresql://condenser@127.0.0.1:{port}/postgres"
        finally:
            run(programs / "pg_ctl", "stop", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(folder)
