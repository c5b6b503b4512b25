"""The service on a real socket in this process, in front of a faulty Ollama; nothing may be left over."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.api.service import Service
from app.main import create_app
from app.server import DrainingServer
from app.settings import Settings
from tests.faults.faulty_ollama import FaultyOllama, answers_well
from tests.unit.service import MODEL, TEXT, warmed_up


@dataclass(frozen=True, slots=True)
class Footprint:
    """What requests take of the service and must give back."""

    in_flight: int
    waiting: int
    tasks: frozenset[str]
    calls_to_ollama: int


@dataclass(frozen=True, slots=True)
class Running:
    """A running service and a client of it."""

    service: Service
    upstream: FaultyOllama
    client: httpx.AsyncClient
    server: DrainingServer

    async def compress(self, text: str = TEXT, **fields: Any) -> httpx.Response:
        """`POST /compress`."""
        return await self.client.post("/compress", json={"text": text, **fields})

    def retries(self, reason: str) -> float:
        """Calls made again for `reason`."""
        return self.service.metrics.registry.get_sample_value("condenser_retries_total", {"reason": reason}) or 0.0

    def footprint(self) -> Footprint:
        """What is taken now; a task by what it runs."""
        queue = self.service.engine.queue
        ours = asyncio.all_tasks() - self.upstream.tasks - self.server.server_state.tasks
        # The closing of an asynchronous generator is a task without a name.
        names = frozenset(getattr(task.get_coro(), "__qualname__", "closing") for task in ours)
        return Footprint(queue.in_flight, queue.waiting, names, self.upstream.under_way)

    async def waits_for(self, waiting: int) -> None:
        """Return when so many calls wait for a place in the engine."""
        assert await _becomes(lambda: self.service.engine.queue.waiting == waiting)

    async def leaves_nothing(self, before: Footprint) -> None:
        """Return when all that requests took is back; fail where it does not come."""
        if not await _becomes(lambda: self.footprint() == before and not self.server.server_state.tasks):
            assert (self.footprint(), self.server.server_state.tasks) == (before, set())


async def _becomes(is_so: Callable[[], bool]) -> bool:
    """Whether it gets so within 10 seconds: nothing tells of a connection pool or a queue at rest."""
    for _ in range(2000):
        if is_so():
            return True
        await asyncio.sleep(0.005)
    return False


Start = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def running(upstream: FaultyOllama, **settings: Any) -> AsyncIterator[Running]:
    """A service with these settings over the defaults, warmed up, served for the block.

    It does not try the model as a judge of claims: those calls would be counted among the ones about texts.
    """
    own = {"cache_bytes": 0, "engine_check": "off"}
    given: dict[str, Any] = {"ollama_url": upstream.url, "model": MODEL, **own, **settings}
    app = create_app(Settings(_env_file=None, **given))  # type: ignore[call-arg]
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = DrainingServer(app, drain_timeout_s=0.1)
    serving = asyncio.create_task(server._serve([listener]))
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200
        await warmed_up()
        try:
            yield Running(app.state.service, upstream, client, server)
        finally:
            server.handle_exit(signal.SIGTERM, None)
            await serving


@pytest.fixture
async def upstream() -> AsyncIterator[FaultyOllama]:
    """An Ollama that answers well until it is told otherwise."""
    async with FaultyOllama() as upstream:
        yield upstream


@pytest.fixture
def start(upstream: FaultyOllama) -> Start:
    """Start a service in front of the upstream, and check at its end that nothing is left and that it still works."""

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[Running]:
        async with running(upstream, **settings) as service:
            before = service.footprint()
            assert (before.in_flight, before.waiting, before.calls_to_ollama) == (0, 0, 0)
            yield service
            await service.leaves_nothing(before)
            upstream.behaviour = answers_well
            assert (await service.compress()).status_code == 200
            await service.leaves_nothing(before)

    return started
