"""The embedded engine's process, as its parent sees it: start, supervision, restart, stop."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self

logger = logging.getLogger("condenser.embedded")

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_STEADY_AFTER_S = 30.0  # a process that lived this long did not fail at start-up
_TERMINATE_LIMIT_S = 5.0
_KEPT_ERROR_LINES = 5


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """Configuration of the embedded engine: `num_ctx` tokens of context for each of `num_parallel` slots.

    `threads`: CPU threads, None for one per core.
    """

    model: Path
    name: str
    num_ctx: int
    num_parallel: int
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedAddress:
    """The embedded engine that another process of this service runs; its errors are in `error_file`."""

    base_url: str
    error_file: Path

    @property
    def last_error(self) -> str | None:
        """The last lines that a child wrote to standard error, or an empty string."""
        try:
            return self.error_file.read_text() or None
        except OSError:
            return None


class EmbeddedEngine:
    """Runs the engine as a child process at `base_url`. Start it with `start` or as a context manager.

    The parent owns the listening socket. So the address survives the child, and a caller that arrives during a restart
    waits instead of being refused. The child reads its standard input, a pipe whose other end only the parent holds,
    and exits when the pipe closes. It ignores signals to the process group, so it does not exit before the parent has
    finished with it.
    """

    def __init__(
        self, config: EmbeddedConfig, listener: socket.socket | None = None, error_file: Path | None = None
    ) -> None:
        """`listener`: made by `embedded_listener`. `error_file`: where other processes read `last_error`."""
        self._config = config
        self._listener = listener or embedded_listener()
        self._error_file = error_file
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._error_lines: deque[str] = deque()
        self.restarts = 0

    @property
    def base_url(self) -> str:
        """Address of its Ollama API."""
        return address_of(self._listener)

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def last_error(self) -> str | None:
        """The last lines that a child wrote to standard error, or an empty string."""
        return " ".join(self._error_lines) or None

    async def start(self) -> None:
        """Start the child and its supervision. Does not wait until the model is loaded."""
        await self._spawn()
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Stop the child, by SIGKILL after 5 seconds, and close the socket."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        process = self._process
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), _TERMINATE_LIMIT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._listener.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def _spawn(self) -> asyncio.subprocess.Process:
        config = self._config
        command = [sys.executable, "-m", "app.engine.embedded_child", "--fd", str(self._listener.fileno())]
        command += ["--model", str(config.model), "--name", config.name]
        command += ["--num-ctx", str(config.num_ctx), "--num-parallel", str(config.num_parallel)]
        command += ["--threads", str(config.threads)] if config.threads else []
        self._process = await asyncio.create_subprocess_exec(
            *command,
            pass_fds=(self._listener.fileno(),),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        return self._process

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        backoff_s = _FIRST_BACKOFF_S
        started = loop.time()
        while True:
            assert self._process is not None
            await self._read_errors(self._process)
            code = await self._process.wait()
            if loop.time() - started > _STEADY_AFTER_S:
                backoff_s = _FIRST_BACKOFF_S
            logger.error(
                "the embedded engine's process ended; restarting it",
                extra={"exit_code": code, "wait_s": backoff_s, "reason": self.last_error},
            )
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
            self.restarts += 1
            started = loop.time()
            await self._spawn()

    async def _read_errors(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last lines of standard error until the process ends. They replace those of the previous process."""
        assert process.stderr is not None
        lines: deque[str] = deque(maxlen=_KEPT_ERROR_LINES)
        while True:
            line = b""
            with contextlib.suppress(ValueError):  # a line longer than the reader's limit is dropped
                line = await process.stderr.readline()
                if not line:
                    return
            if text := line.decode(errors="replace").strip():
                lines.append(text[:500])
                self._error_lines = lines
                if self._error_file is not None:
                    self._error_file.write_text(" ".join(lines))


def embedded_listener() -> socket.socket:
    """The socket on which an embedded engine will listen."""
    return socket.create_server(("127.0.0.1", 0), backlog=1024)


def address_of(listener: socket.socket) -> str:
    """The base URL of the engine that listens on this socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def run_embedded(config: EmbeddedConfig, listener: socket.socket, error_file: Path) -> None:
    """Run the engine until SIGTERM."""
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_over.set)
    async with EmbeddedEngine(config, listener, error_file):
        await is_over.wait()
