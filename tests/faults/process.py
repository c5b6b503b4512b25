"""`condenser serve` in a process of its own, to be signalled and killed."""

import asyncio
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx

from app.settings import PREFIX


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A service that listens, and a client of it."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient

    async def compress(self, text: str, **fields: Any) -> httpx.Response:
        """`POST /compress`."""
        return await self.client.post("/compress", json={"text": text, **fields})

    async def ended(self) -> int:
        """The exit code, once the process has ended."""
        async with asyncio.timeout(60):
            return await self.process.wait()


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


async def end_of(pid: int) -> None:
    """Return when the process has ended, which need not be a child of this one."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            with anyio.fail_after(60):
                await anyio.wait_readable(handle)  # as it is when the process has ended
        finally:
            os.close(handle)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def serving(
    folder: Path,
    port: int,
    *,
    can_write: bool = True,
    log: Path = Path(os.devnull),
    keepalive: int | None = None,
    **settings: object,
) -> AsyncIterator[ServiceProcess]:
    """A service on `port` with these settings, such as `model="m"`; killed at the end where it still runs.

    Its output goes to `log`, and the client keeps `keepalive` connections. Without `can_write` its standard output and
    error are full disks, and so is every other one: no file can grow.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {
        f"{PREFIX}{name.upper()}": str(value) for name, value in {"port": port, "cache_bytes": 0, **settings}.items()
    }
    out = os.open(log if can_write else "/dev/full", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "serve"),
        cwd=folder,
        env=own | given,
        stdout=out,
        stderr=out,
        preexec_fn=None if can_write else _no_file_can_grow,
        start_new_session=True,
    )
    os.close(out)
    try:
        limits = httpx.Limits(max_keepalive_connections=keepalive)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False, limits=limits
        ) as client:
            await _listens(process, port)
            yield ServiceProcess(process, client)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _no_file_can_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


async def _listens(process: asyncio.subprocess.Process, port: int) -> None:
    """Return when somebody listens on the port; a connection waits there until it is served."""
    for _ in range(1200):
        assert process.returncode is None, "the service ended at its start"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise TimeoutError("the service does not listen")
