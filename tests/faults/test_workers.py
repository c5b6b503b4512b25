"""Several workers on one port are one service: bounds, figures and the end are of all of them together."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.faults.faulty_ollama import Chat, FaultyOllama, answers_well
from tests.faults.process import ServiceProcess, end_of, free_port, serving
from tests.unit.service import MODEL, TEXT

pytestmark = pytest.mark.anyio

WORKERS = 2
SCRAPER = "token-of-the-scraper"
REQUESTS = 24  # each on a connection of its own: that all go to the same worker happens once in eight million runs


class Workers:
    """A service of two workers; each request comes on a connection of its own, so that either may get it."""

    def __init__(self, service: ServiceProcess, log: Path) -> None:
        self.process = service.process
        self._client = service.client
        self._log = log

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self._client.request(method, path, **options)

    async def compress(self, number: int, **options: Any) -> httpx.Response:
        return await self.ask("POST", "/compress", json={"text": f"Entry {number}. {TEXT}"}, **options)

    def begin(self, numbers: Iterable[int], **options: Any) -> list[asyncio.Task[httpx.Response]]:
        return [asyncio.create_task(self.compress(number, **options)) for number in numbers]

    async def metric(self, name: str, **labels: str) -> float:
        """What one of the workers says of all."""
        text = (await self.ask("GET", "/metrics", headers={"Authorization": f"Bearer {SCRAPER}"})).text
        labelled = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        sample = f"condenser_{name}{{{labelled}}} " if labels else f"condenser_{name} "
        (value,) = (line.removeprefix(sample) for line in text.splitlines() if line.startswith(sample))
        return float(value)

    async def becomes(self, value: float, name: str, **labels: str) -> None:
        """Return when every one of some scrapes says so."""
        for _ in range(500):
            if all([await self.metric(name, **labels) == value for _ in range(6)]):
                return
        raise AssertionError(f"{name} is not {value}")

    async def drain(self) -> None:
        """Send SIGTERM; return when every worker says that it ends."""
        self.process.send_signal(signal.SIGTERM)
        for _ in range(500):
            ready = [await self.ask("GET", "/readyz") for _ in range(12)]  # of either worker, all but surely
            if all(response.json()["problem"] == "the service is shutting down" for response in ready):
                return
        raise AssertionError("it is still ready")

    def pids(self) -> dict[int, int]:
        """The process of each worker, by its index."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return dict(enumerate(sorted(map(int, children))))

    def served_by_worker(self) -> Counter[int]:
        """Requests in the log by the worker that served them."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return Counter(line["worker"] for line in lines if line["message"] == "request")


async def kill(pid: int) -> None:
    """Kill a worker and wait for its end; before that it may still accept a connection, which nobody answers."""
    process = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        await anyio.wait_readable(process)
    finally:
        os.close(process)


class Held:
    """Answers well once it is released, and knows how many chats it holds and held at the most."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.now = self.most = 0

    async def __call__(self, chat: Chat) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.release.wait()
            await asyncio.sleep(0.01)
        finally:
            self.now -= 1
        await answers_well(chat)


@asynccontextmanager
async def two_workers(upstream: FaultyOllama, folder: Path, **settings: object) -> AsyncIterator[Workers]:
    given: dict[str, Any] = {
        "ollama_url": upstream.url,
        "model": MODEL,
        "workers": WORKERS,
        "max_concurrency": 2,
        "engine_check": "off",
        "jobs_database": f"sqlite:///{folder / 'jobs.sqlite'}",
        **settings,
    }
    log = folder / "service.log"
    async with serving(folder, free_port(), log=log, keepalive=0, **given) as service:
        workers = Workers(service, log)
        await workers.becomes(WORKERS, "workers")
        # The service's own call at its start is over.
        await workers.becomes(1, "queue_passes_total", outcome="passed")
        await workers.becomes(0, "in_flight")
        yield workers


def statuses(responses: Iterable[httpx.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


async def test_both_workers_serve_and_the_engine_never_has_more_calls_than_it_has_places(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    upstream.behaviour = held = Held()
    async with two_workers(upstream, tmp_path, max_concurrency=3) as workers:
        requests = workers.begin(range(REQUESTS))
        await workers.becomes(REQUESTS - 3, "queue_depth")
        assert (held.now, await workers.metric("in_flight")) == (3, 3)
        held.release.set()
        assert statuses(await asyncio.gather(*requests)) == {200: REQUESTS}
        assert held.most == 3
        assert set(workers.served_by_worker()) == {0, 1}


async def test_the_queue_is_bounded_over_both_workers(upstream: FaultyOllama, tmp_path: Path) -> None:
    upstream.behaviour = held = Held()
    async with two_workers(upstream, tmp_path, max_queue=5) as workers:
        requests = workers.begin(range(REQUESTS))
        refused = REQUESTS - 2 - 5
        await workers.becomes(refused, "operations_total", operation="compress", outcome="queue_full")
        assert await workers.metric("queue_depth") == 5
        held.release.set()
        responses = await asyncio.gather(*requests)
        assert statuses(responses) == {200: 2 + 5, 503: refused}
        assert all(int(response.headers["retry-after"]) >= 1 for response in responses if response.status_code == 503)


async def test_every_scrape_and_every_status_is_about_all_workers(upstream: FaultyOllama, tmp_path: Path) -> None:
    async with two_workers(upstream, tmp_path) as workers:
        assert statuses(await asyncio.gather(*workers.begin(range(REQUESTS)))) == {200: REQUESTS}
        for _ in range(6):
            assert await workers.metric("operations_total", operation="compress", outcome="ok") == REQUESTS
            assert await workers.metric("engine_duration_seconds_count", model=MODEL) == REQUESTS + 1
        await workers.becomes(REQUESTS, "throughput_operations_per_minute", operation="compress")
        for _ in range(6):
            status = (await workers.ask("GET", "/status")).json()
            assert status["workers"] == WORKERS
            assert status["operations"]["compress"]["per_minute"] == REQUESTS
            assert status["queue"] == {"in_flight": 0, "concurrency_limit": 2, "depth": 0, "capacity": 1000}
        for _ in range(500):
            histories = [(await workers.ask("GET", "/status/history")).json() for _ in range(6)]
            if all(history["succeeded"] == REQUESTS for history in histories):
                break
        assert {history["succeeded"] for history in histories} == {REQUESTS}


async def test_the_history_is_of_all_workers_those_too_that_have_ended(upstream: FaultyOllama, tmp_path: Path) -> None:
    async with two_workers(upstream, tmp_path) as service:

        async def becomes(succeeded: int) -> None:
            for _ in range(500):
                answers = [(await service.ask("GET", "/status/history")).json() for _ in range(6)]
                sums = [sum(minute["succeeded"]["compress"] for minute in history["minutes"]) for history in answers]
                if {*sums, *(history["succeeded"] for history in answers)} == {succeeded}:
                    return
            raise AssertionError(f"the history is not of {succeeded} compressions")

        await asyncio.gather(*service.begin(range(REQUESTS)))
        await becomes(REQUESTS)
        await kill(service.pids()[0])
        await service.becomes(WORKERS, "workers")
        await becomes(REQUESTS)
        await asyncio.gather(*service.begin(range(REQUESTS, REQUESTS + 4)))
        await becomes(REQUESTS + 4)


async def test_the_limits_of_a_key_hold_for_both_workers_together(upstream: FaultyOllama, tmp_path: Path) -> None:
    limits = {"alice": {"requests_per_minute": 5}}
    settings = {"api_keys": "alice=alices-own-key", "key_limits": json.dumps(limits)}
    async with two_workers(upstream, tmp_path, **settings, metrics_token=SCRAPER) as workers:
        headers = {"X-API-Key": "alices-own-key"}
        responses = await asyncio.gather(*workers.begin(range(REQUESTS), headers=headers))
        assert statuses(responses) == {200: 5, 429: REQUESTS - 5}
        assert all(int(response.headers["retry-after"]) > 50 for response in responses if response.status_code == 429)


async def test_a_killed_worker_frees_its_places_for_the_other_one_and_is_started_again(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    upstream.behaviour = held = Held()
    async with two_workers(upstream, tmp_path) as workers:
        before = workers.pids()
        requests = workers.begin(range(REQUESTS))
        await workers.becomes(REQUESTS - 2, "queue_depth")
        victim = before[0]
        os.kill(victim, signal.SIGKILL)
        held.release.set()
        results = await asyncio.gather(*requests, return_exceptions=True)
        lost = [result for result in results if isinstance(result, BaseException)]
        assert all(isinstance(error, httpx.TransportError) for error in lost)
        assert 0 < len(lost) < REQUESTS
        await workers.becomes(WORKERS, "workers")
        await workers.becomes(0, "in_flight")
        await workers.becomes(0, "queue_depth")
        assert victim not in workers.pids().values()
        assert statuses(await asyncio.gather(*workers.begin(range(REQUESTS)))) == {200: REQUESTS}
        assert set(workers.served_by_worker()) == {0, 1}
        # No counter has fallen.
        ended = 2 * REQUESTS - len(lost)
        assert await workers.metric("operations_total", operation="compress", outcome="ok") == ended


async def test_sigterm_ends_all_workers_when_what_they_have_under_way_is_done(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    upstream.behaviour = held = Held()
    async with two_workers(upstream, tmp_path) as workers:
        requests = workers.begin(range(REQUESTS))
        await workers.becomes(REQUESTS - 2, "queue_depth")
        await workers.drain()
        held.release.set()
        assert statuses(await asyncio.gather(*requests)) == {200: REQUESTS}
        assert await workers.process.wait() == 0
        with pytest.raises(httpx.ConnectError):
            await workers.ask("GET", "/healthz")


async def test_a_second_signal_ends_the_drain_of_all_workers(upstream: FaultyOllama, tmp_path: Path) -> None:
    upstream.behaviour = Held()
    async with two_workers(upstream, tmp_path, drain_timeout_s=3600) as workers:
        requests = workers.begin(range(REQUESTS))
        await workers.becomes(REQUESTS - 2, "queue_depth")
        await workers.drain()
        workers.process.send_signal(signal.SIGTERM)
        assert statuses(await asyncio.gather(*requests)) == {503: REQUESTS}
        assert await workers.process.wait() == 0


async def test_workers_do_not_outlive_their_parent(upstream: FaultyOllama, tmp_path: Path) -> None:
    async with two_workers(upstream, tmp_path) as workers:
        pids = workers.pids()
        workers.process.kill()
        await workers.process.wait()
        for pid in pids.values():
            await end_of(pid)
        with pytest.raises(httpx.ConnectError):
            await workers.ask("GET", "/healthz")


async def test_each_item_of_a_batch_that_is_answered_later_is_done_once_and_any_worker_tells_of_it(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    async with two_workers(upstream, tmp_path) as workers:
        items = [{"text": f"Item {number}. {TEXT}"} for number in range(REQUESTS)]
        body = {"operation": "compress", "items": items}
        accepted = await workers.ask("POST", "/batch", json=body, headers={"Prefer": "respond-async"})
        assert accepted.status_code == 202
        path = accepted.headers["location"]
        for _ in range(1000):
            job = (await workers.ask("GET", path)).json()
            if job["state"] == "done":
                break
        for _ in range(6):
            job = (await workers.ask("GET", path)).json()
            assert sorted(result["index"] for result in job["results"]) == list(range(REQUESTS))
        assert len(upstream.chats) == REQUESTS
