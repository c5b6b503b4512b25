"""Faults around the embedded engine, under load and on a real model."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.settings import default_cache_dir
from tests.faults.process import ServiceProcess, free_port, is_alive, serving
from tests.live.cores import THREADS
from tests.unit.service import TEXT

pytestmark = [pytest.mark.anyio, pytest.mark.embedded_only, pytest.mark.usefixtures("model")]

PATIENT = dict.fromkeys(("request_timeout_s", "queue_timeout_s", "drain_timeout_s"), 600)
SETTINGS: dict[str, Any] = {
    "engine": "embedded",
    "embedded_threads": THREADS,
    "engine_check": "off",  # the service would have calls of its own after the first summary
    **PATIENT,
}


@asynccontextmanager
async def embedded_service(folder: Path, **settings: Any) -> AsyncIterator[ServiceProcess]:
    """A service on the embedded engine, ready."""
    async with serving(folder, free_port(), **SETTINGS, **settings) as service:
        for _ in range(1200):
            if (await service.client.get("/readyz")).status_code == 200:
                break
            await asyncio.sleep(0.05)
        yield service


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


async def becomes(service: ServiceProcess, gauge: str, value: int) -> None:
    """Return when a gauge of the service's has that value."""
    for _ in range(2000):
        if f"condenser_{gauge} {float(value)}\n" in (await service.client.get("/metrics")).text:
            return
    raise AssertionError(f"condenser_{gauge} is never {value}")


async def test_an_engine_that_is_killed_under_load_comes_back_and_only_what_it_worked_on_is_lost(
    tmp_path: Path,
) -> None:
    async with embedded_service(tmp_path) as service:
        requests = [asyncio.create_task(service.compress(f"Note {number}. {TEXT}")) for number in range(3)]
        await becomes(service, "in_flight", 2)
        (child,) = children(service.process.pid)
        os.kill(child, signal.SIGKILL)
        statuses = [response.status_code for response in await asyncio.gather(*requests)]
        assert set(statuses) == {200, 502}
        assert statuses.count(502) <= 2
        assert children(service.process.pid) != [child]
        await becomes(service, "in_flight", 0)


async def test_a_signal_to_the_whole_group_lets_what_runs_finish_on_the_engine(tmp_path: Path) -> None:
    # So do systemd (KillMode=control-group) and a terminal's Ctrl+C.
    async with embedded_service(tmp_path) as service:
        await becomes(service, "in_flight", 0)
        requests = [asyncio.create_task(service.compress(f"Note {number}. {TEXT}")) for number in range(3)]
        await becomes(service, "in_flight", 2)
        await becomes(service, "queue_depth", 1)
        os.killpg(service.process.pid, signal.SIGTERM)
        assert [response.status_code for response in await asyncio.gather(*requests)] == [200] * 3
        assert await service.ended() in (0, -signal.SIGTERM)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
async def test_full_disks_and_a_cache_that_can_not_be_written_do_not_stop_the_embedded_engine(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for file in default_cache_dir().glob("*.gguf"):
        (cache / file.name).symlink_to(file)
    cache.chmod(0o500)
    async with embedded_service(tmp_path, can_write=False, cache_dir=cache) as service:
        assert (await service.compress(TEXT)).status_code == 200


async def test_workers_share_one_engine_which_a_killed_worker_leaves_alone_and_which_ends_with_them(
    tmp_path: Path,
) -> None:
    async with embedded_service(tmp_path, workers=2, keepalive=0) as service:
        processes = children(service.process.pid)
        (engine,) = [child for process in processes for child in children(process)]
        worker = next(process for process in processes if not children(process))
        os.kill(worker, signal.SIGKILL)
        requests = [service.compress(f"Note {number}. {TEXT}") for number in range(2)]
        assert [response.status_code for response in await asyncio.gather(*requests)] == [200, 200]
        assert [child for process in children(service.process.pid) for child in children(process)] == [engine]
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert not is_alive(engine)
