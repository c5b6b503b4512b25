"""`condenser serve` in a process of its own, in front of an Ollama that is not there: no model is needed here."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.settings import PREFIX

NO_OLLAMA = "http://127.0.0.1:9"
ANSWER_LIMIT_S = 30.0


@dataclass(frozen=True)
class Served:
    """A running service: where it listens, its process and its log."""

    port: int
    scheme: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        """A connection to it, whose reads end the test rather than wait for ever."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_LIMIT_S)

    def resident_bytes(self) -> int:
        """Its memory now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Served]:
    """A service with these settings, in `folder`, for the block."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    chosen = {PREFIX + name.upper(): str(value) for name, value in settings.items()}
    defaults = {f"{PREFIX}PORT": "0", f"{PREFIX}ENGINE": "ollama", f"{PREFIX}OLLAMA_URL": NO_OLLAMA}
    log = folder / "service.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            cwd=folder,
            env=own | defaults | chosen,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    try:
        greeting = process.stderr.readline()
        address = re.search(r"(https?)://127\.0\.0\.1:(\d+)", greeting)
        assert address, f"the service did not start: {greeting}{process.stderr.read()}"
        yield Served(int(address[2]), address[1], process, log)
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stderr.close()


def refused(folder: Path, **settings: object) -> str:
    """What `condenser serve` says when it refuses to start with these settings, with exit code 2."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    chosen = {PREFIX + name.upper(): str(value) for name, value in settings.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        cwd=folder,
        env=own | chosen,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended
    return ended.stderr


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def read_answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    answer = b""
    try:
        while chunk := connection.recv(65_536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer
