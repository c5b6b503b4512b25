"""The service inside of the command, for `--local`."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from app.main import create_app
from app.ops.exits import FAILED, CommandError
from app.settings import Settings
from app.telemetry.logs import configure_logs

_START_LIMIT_S = 60.0


@contextmanager
def local_service(settings: Settings) -> Iterator[str]:
    """The address of a service with `settings` on a free loopback port, for the block. Raises CommandError."""
    configure_logs("ERROR")
    listener = socket.create_server(("127.0.0.1", 0))
    started = threading.Event()
    app = create_app(settings, lambda engine: started.set())
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # uvicorn ends by SystemExit where the start fails
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="local service", daemon=True)
    thread.start()
    started.wait(_START_LIMIT_S)
    if failed or not thread.is_alive():
        raise CommandError("the engine did not start; `condenser doctor` says why", FAILED)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
