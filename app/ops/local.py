"""The service inside the command, for `--local`."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from rich.console import Console

from app.engine.model_file import ModelFileError, default_model_path, fetch_model
from app.engine.startup import choose_engine
from app.main import create_app
from app.ops.exits import FAILED, CommandError
from app.ops.terminal import waiting
from app.settings import NO_JOBS, Settings
from app.telemetry.logs import configure_logs

_START_LIMIT_S = 60.0
_REQUEST_TIMEOUT_S = 600.0  # as in `make run`: the embedded model is slow with long texts


@contextmanager
def local_service(settings: Settings, console: Console) -> Iterator[str]:
    """The address of a service on a free loopback port, for the block. Raises CommandError.

    It starts like `make run`: on the configured engine, else on Ollama if it answers, else on the embedded model, which
    is fetched if it is missing. It has no keys and does not touch batches of other services.
    """
    configure_logs("CRITICAL")  # standard output is for results
    settings = _chosen(settings, console)
    listener = socket.create_server(("127.0.0.1", 0))
    started = threading.Event()
    app = create_app(settings, lambda engine: started.set())
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # uvicorn raises SystemExit if the start fails
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="local service", daemon=True)
    with waiting(console, f"starting the engine: {settings.engine}"):
        thread.start()
        started.wait(_START_LIMIT_S)
    if failed or not thread.is_alive():
        raise CommandError("the engine did not start; `condenser doctor` shows why", FAILED)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _chosen(settings: Settings, console: Console) -> Settings:
    own: dict[str, object] = {"api_keys": (), "key_limits": {}, "jobs_database": NO_JOBS}
    if "request_timeout_s" not in settings.model_fields_set:
        own["request_timeout_s"] = _REQUEST_TIMEOUT_S
    if "engine" not in settings.model_fields_set:
        own["engine"] = "auto"
    chosen = settings.model_copy(update=own)
    chosen = chosen.model_copy(update={"engine": asyncio.run(choose_engine(chosen))})
    if chosen.engine == "embedded" and chosen.embedded_model is None:
        try:
            if not default_model_path(chosen.cache_dir).is_file():
                with waiting(console, "fetching the embedded model (93 MB)"):
                    fetch_model(chosen.cache_dir)
        except ModelFileError as error:
            raise CommandError(str(error), FAILED) from None
    return chosen
