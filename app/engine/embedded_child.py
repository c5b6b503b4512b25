"""Child process of the embedded engine, started by `embedded.EmbeddedEngine`; listens on the inherited socket."""

import argparse
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from app.engine.embedded import EmbeddedConfig
from app.engine.embedded_server import serve
from app.parent import die_with


class _ChildServer(uvicorn.Server):
    """Ignores signals: only the end of standard input stops the child."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no handlers."""
        yield


def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="app.engine.embedded_child")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--num-ctx", type=int, required=True)
    parser.add_argument("--num-parallel", type=int, required=True)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args(arguments)
    die_with(sys.stdin.fileno())
    # A terminal and systemd signal the whole process group, but requests that are draining still need the engine.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.SIG_IGN)
    config = EmbeddedConfig(given.model, given.name, given.num_ctx, given.num_parallel, given.threads)
    serve(config, socket.socket(fileno=given.fd), _ChildServer)


if __name__ == "__main__":
    main(sys.argv[1:])
