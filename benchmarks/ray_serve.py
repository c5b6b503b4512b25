"""Condenser in front of llama.cpp on Ray Serve (deploy/ray), on a local cluster with two replicas.

    python -m venv /tmp/ray-venv && /tmp/ray-venv/bin/pip install . 'ray[serve]'
    /tmp/ray-venv/bin/python -m benchmarks.ray_serve            # about ten minutes on two cores

1. Overhead of Ray: the same requests to a llama.cpp server directly and through Ray Serve, in turn.
2. Scaling from 1 to 2 replicas under a load of compressions through Condenser.
3. 200 compressions; after 60 of them the process of one replica is killed.

The application is deployed from deploy/ray/llama_cpp.yaml with another port. The engine's check and the cache are off,
and all texts are different.
"""

import argparse
import asyncio
import os
import signal
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import ray
import yaml
from ray import serve
from ray.dashboard.modules.serve.sdk import ServeSubmissionClient

from benchmarks.load import Ended, call, client, quantile, texts
from benchmarks.processes import PROJECT, served

DEPLOY = PROJECT / "deploy" / "ray"
CLIENTS = 8
CPUS = 4  # that Ray counts; the threads of the replicas share the real ones
_START_LIMIT_S = 300.0
_SIZE = 900  # bytes of a text: long enough for a model call
_COMPLETION = {
    "messages": [{"role": "user", "content": "Count from one to fifty."}],
    "max_tokens": 32,
    "temperature": 0,
    "ignore_eos": True,
}
_REQUESTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("refused by llama.cpp at once", 1.0, {}),
    ("32 tokens, whole", 0.1, _COMPLETION),
    ("32 tokens, streamed", 0.1, {**_COMPLETION, "stream": True}),
)
"""Name, share of the pairs, and body. The first needs no model, so it shows the overhead of the path alone."""

_COUNTERS = ("condenser_engine_duration_seconds_count", "condenser_engine_errors_total", "condenser_retries_total")

_ENVIRONMENT = {
    "RAY_worker_niceness": "0",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
}
"""Ray gives its workers a niceness of 15, and Ray Serve gives its proxy 5 and 10 s: not enough on two busy cores."""


class Cluster:
    """A Ray cluster on this machine that serves the application at `url`."""

    def __init__(self, dashboard: str, config: dict[str, Any]) -> None:
        self._client = ServeSubmissionClient(dashboard)
        self.url = f"http://127.0.0.1:{config['http_options']['port']}"
        self._name = config["applications"][0]["name"]
        self._client.deploy_applications(config)

    def running(self) -> dict[str, int]:
        """Process ids of the running replicas of the model, by replica id."""
        application = self._client.get_serve_details()["applications"].get(self._name, {})
        replicas = application.get("deployments", {}).get("LlamaCpp", {}).get("replicas", [])
        return {replica["replica_id"]: replica["pid"] for replica in replicas if replica["state"] == "RUNNING"}

    def is_ready(self) -> bool:
        """Whether the application runs. Raises RuntimeError if it can't be deployed."""
        application = self._client.get_serve_details()["applications"].get(self._name, {})
        if application.get("status") == "DEPLOY_FAILED":
            raise RuntimeError(application.get("message"))
        return bool(application.get("status") == "RUNNING")


@contextmanager
def cluster(model: Path | None) -> Iterator[Cluster]:
    """A ready cluster for the block; it serves the GGUF file `model`, by default that of llama_cpp.yaml."""
    os.environ["PYTHONPATH"] = f"{DEPLOY}{os.pathsep}{PROJECT}"
    os.environ |= _ENVIRONMENT
    context = ray.init(address="local", num_cpus=CPUS, include_dashboard=True, object_store_memory=200_000_000)
    try:
        config = yaml.safe_load((DEPLOY / "llama_cpp.yaml").read_text())
        config["http_options"]["port"] = _free_port()
        if model is not None:
            config["applications"][0]["args"]["model"] = str(model)
        started = time.monotonic()
        here = Cluster(f"http://{context.dashboard_url}", config)
        while not here.is_ready():
            if time.monotonic() > started + _START_LIMIT_S:
                raise RuntimeError(f"the application is not ready after {_START_LIMIT_S:.0f} s")
            time.sleep(1.0)
        _say(f"ready after {time.monotonic() - started:.0f} s, {len(here.running())} replica")
        yield here
    finally:
        serve.shutdown()
        ray.shutdown()


async def overhead(url: str, model: Path | None, pairs: int) -> None:
    """Print the time that Ray Serve adds to a call of llama.cpp."""
    sys.path.append(str(DEPLOY))
    from llama_cpp_app import Arguments, start_llama_cpp

    server = start_llama_cpp(Arguments(model=model))
    ways = {"direct": f"{server.listening_address}/v1/chat/completions", "Ray": f"{url}/v1/chat/completions"}
    async with client() as session:
        for name, share, asked in _REQUESTS:
            took: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(max(3, round(pairs * share)) + 2):
                for way, address in ways.items():
                    took[way].append(1000 * await _seconds(session, address, asked))
            direct, through = (took[way][2:] for way in ways)  # the first two are warm-up
            differences = sorted(after - before for before, after in zip(direct, through, strict=True))
            _say(
                f"{name}, {len(differences)} pairs: direct {statistics.median(direct):.1f} ms, "
                f"through Ray {statistics.median(through):.1f} ms; added in a pair: median "
                f"{statistics.median(differences):.1f} ms, least {differences[0]:.1f}, "
                f"quartiles {quantile(differences, 0.25):.1f} and {quantile(differences, 0.75):.1f} ms"
            )


async def _seconds(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> float:
    started = time.perf_counter()
    async with session.post(url, json=body) as answer:
        content = await answer.read()
    if answer.status != (200 if "messages" in body else 400):
        raise RuntimeError(f"{url}: {answer.status} {content[:300]!r}")
    return time.perf_counter() - started


async def compress_all(url: str, bodies: Iterator[dict[str, Any]], on_end: Callable[[Ended], None]) -> None:
    """Compressions of `bodies` by so many clients, until there are none left; `on_end` is called with each end."""
    async with client() as session:

        async def work() -> None:
            for body in bodies:
                on_end(await call(session, "POST", f"{url}/compress", body))

        await asyncio.gather(*(work() for _ in range(CLIENTS)))


def _bodies(prose: Iterator[str]) -> Iterator[dict[str, Any]]:
    for text in prose:
        yield {"text": text, "method": "abstractive"}


async def scale(here: Cluster, condenser: str, prose: Iterator[str]) -> None:
    """Print when the second replica runs under load."""
    started = time.monotonic()
    ended: list[Ended] = []
    is_enough = asyncio.Event()

    def until_enough() -> Iterator[dict[str, Any]]:
        for body in _bodies(prose):
            if is_enough.is_set():
                return
            yield body

    load = asyncio.create_task(compress_all(condenser, until_enough(), ended.append))
    seen = 0
    while time.monotonic() < started + _START_LIMIT_S and seen < 2 and not load.done():
        running = len(await asyncio.to_thread(here.running))
        if running != seen:
            seen = running
            _say(f"{running} replicas after {time.monotonic() - started:.0f} s under load")
        await asyncio.sleep(0.5)
    is_enough.set()
    await load
    _say(f"statuses: {dict(Counter(end.status for end in ended))}")


async def kill(here: Cluster, condenser: str, prose: Iterator[str], calls: int, kill_after: int) -> None:
    """Print the outcomes of calls during which a replica is killed."""
    ended: list[Ended] = []
    bodies = (body for body, _ in zip(_bodies(prose), range(calls), strict=False))
    before = await asyncio.to_thread(here.running)
    started = time.monotonic()
    is_time = asyncio.Event()

    def on_end(end: Ended) -> None:
        ended.append(end)
        if len(ended) >= kill_after:
            is_time.set()

    load = asyncio.create_task(compress_all(condenser, bodies, on_end))
    await is_time.wait()
    pid = next(iter(before.values()))
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    _say(f"killed replica process {pid} of {len(before)} after {len(ended)} compressions")
    replaced = asyncio.create_task(_until_replaced(here, before, killed))
    await load
    statuses = Counter(end.status for end in ended)
    _say(
        f"{len(ended)} compressions in {time.monotonic() - started:.0f} s: statuses {dict(statuses)}, "
        f"lost {calls - statuses[200]}"
    )
    for end in ended:
        if end.status != 200:
            _say(f"  {end.status}, begun {end.at - killed:+.1f} s from the kill, took {end.took_s:.1f} s: {end.error}")
    await replaced


async def _until_replaced(here: Cluster, before: dict[str, int], killed: float) -> None:
    while time.monotonic() < killed + _START_LIMIT_S:
        running = await asyncio.to_thread(here.running)
        if len(running) >= len(before) and set(running) != set(before):
            _say(f"{len(running)} replicas again {time.monotonic() - killed:.0f} s after the kill")
            return
        await asyncio.sleep(0.5)
    _say("the killed replica was not replaced")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Run all three parts."""
    parser = argparse.ArgumentParser(description="Condenser in front of llama.cpp on a local Ray cluster.")
    parser.add_argument("--calls", type=int, default=200, help="compressions while a replica is killed")
    parser.add_argument("--model", type=Path, help="GGUF file; unset: Condenser's embedded model")
    parser.add_argument("--pairs", type=int, default=100, help="calls directly and through Ray")
    arguments = parser.parse_args()
    prose = texts(_SIZE)
    with cluster(arguments.model) as here:
        name = httpx.get(f"{here.url}/v1/models", timeout=60).json()["data"][0]["id"]
        settings: dict[str, object] = {"engine": "openai", "openai_url": f"{here.url}/v1", "model": name}
        settings |= {"max_concurrency": CLIENTS, "cache_bytes": 0, "engine_check": "off", "jobs_database": "off"}
        asyncio.run(overhead(here.url, arguments.model, arguments.pairs))
        with served(None, **settings) as condenser:
            asyncio.run(scale(here, condenser.url, prose))
            asyncio.run(kill(here, condenser.url, prose, arguments.calls, arguments.calls * 3 // 10))
            lines = httpx.get(f"{condenser.url}/metrics", timeout=60).text.splitlines()
            _say("\n".join(line for line in lines if line.startswith(_COUNTERS) and not line.endswith(" 0.0")))


if __name__ == "__main__":
    main()
