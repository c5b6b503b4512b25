"""Starts a service of several workers and what they share."""

import asyncio
import fcntl
import gc
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from app.engine.embedded import EmbeddedAddress, address_of, embedded_listener, run_embedded
from app.engine.startup import embedded_config
from app.settings import Settings
from app.shared_memory import SharedMemory
from app.telemetry.logs import configure_logs
from app.telemetry.shared import WorkerFiles, forget_worker
from app.workers.supervisor import Child, Supervisor
from app.workers.worker import Worker

# Size of the workers' shared memory, with some to spare.
_COLUMNS, _COLUMNS_PER_UPSTREAM, _COLUMNS_PER_KEY = 16, 2, 2
_CELLS, _CELLS_PER_UPSTREAM, _CELLS_PER_KEY = 16, 10, 244

_FOLDER, _LOCK = "condenser-workers-", "lock"

Listeners = Sequence[socket.socket]
Serve = Callable[[Worker, Listeners, bool], None]
"""Serves on these sockets until a signal stops it; the last argument: whether to greet the operator."""


def serve_with_workers(settings: Settings, listeners: Sequence[Listeners], serve: Serve) -> int:
    """Run `serve` in a process for each of `listeners`, until SIGTERM or SIGINT; returns the exit code.

    `settings` name the engine to run on.
    """
    folder = _folder()
    memory = _memory(settings, len(listeners))

    def close_all() -> None:
        """Close the parent's copies of the sockets: a connection must go to a worker that still listens."""
        for some in listeners:
            _close(some)

    helpers: list[Child] = []
    embedded_at: EmbeddedAddress | None = None
    if settings.engine == "embedded":
        socket_of_engine, error_file = embedded_listener(), folder / "embedded.error"
        embedded_at = EmbeddedAddress(address_of(socket_of_engine), error_file)
        config = embedded_config(settings)

        def run_engine(_: bool) -> None:
            close_all()
            asyncio.run(run_embedded(config, socket_of_engine, error_file))

        helpers.append(Child("embedded engine", run_engine))

    def child(index: int) -> Child:
        def work(is_first_start: bool) -> None:
            # A sibling's socket must close when the sibling exits.
            for other in set(range(len(listeners))) - {index}:
                _close(listeners[other])
            configure_logs(settings.log_level, worker=index)
            memory.attach(index)
            worker = Worker(memory, WorkerFiles(folder, index, memory.pids), embedded_at)
            serve(worker, listeners[index], is_first_start and index == 0)

        def on_end() -> None:
            forget_worker(folder, index)
            memory.forget(index)

        return Child(f"worker {index}", work, lambda: memory.has_started(index), on_end)

    # Objects that exist now stay unchanged, so that the workers share their memory pages.
    gc.collect()
    gc.freeze()
    try:
        return Supervisor([child(index) for index in range(len(listeners))], helpers, close_all).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    """A folder for the workers' files; removes the folders of services that were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/{_LOCK}"):
        with suppress(OSError):  # it belongs to another user, or another service has just removed it
            file = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent)
            finally:
                os.close(file)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    # The folder gets its name only once it is locked. All processes of the service share the lock.
    unnamed = folder / "new"
    fcntl.flock(os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
    unnamed.rename(folder / _LOCK)
    return folder


def _memory(settings: Settings, workers: int) -> SharedMemory:
    upstreams, keys = len(settings.upstream_urls), len(settings.api_keys)
    return SharedMemory(
        workers,
        _COLUMNS + _COLUMNS_PER_UPSTREAM * upstreams + _COLUMNS_PER_KEY * keys,
        _CELLS + _CELLS_PER_UPSTREAM * upstreams + _CELLS_PER_KEY * keys,
    )


def _close(sockets: Listeners) -> None:
    for listener in sockets:
        listener.close()
