"""What a real Prometheus reads off `/metrics` is what the client saw, within 5 %."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.live.conftest import Service
from tests.live.simulated import gateway_to, simulated_ollama
from tests.unit.service import TEXT

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus (Debian: apt-get install prometheus) is not here"
)

SLOTS = 4
CALLS = 60
CLIENTS = 12
LIMIT_S = 60.0
CONFIG = """
global: {scrape_interval: 250ms, scrape_timeout: 250ms}
scrape_configs:
  - job_name: condenser
    static_configs: [{targets: ["%s"]}]
"""


@dataclass(frozen=True)
class Seen:
    """What the client saw of one call."""

    seconds: float
    cloud_usd: float
    local_usd: float


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def value(self, promql: str, at: float | None = None) -> float:
        """The one value of an expression now, or at a time of the wall clock."""
        params = {"query": promql} | ({"time": str(at)} if at else {})
        answer = httpx.get(f"{self.url}/api/v1/query", params=params, trust_env=False).json()
        (sample,) = answer["data"]["result"]
        return float(sample["value"][1])

    def wait_for_scrape_after(self, moment: float) -> None:
        """Return when it has a sample that is younger than `moment`."""
        params = {"query": "timestamp(condenser_in_flight)"}

        def is_scraped() -> bool:
            answer = httpx.get(f"{self.url}/api/v1/query", params=params, trust_env=False).json()
            return any(float(sample["value"][1]) > moment for sample in answer["data"]["result"])

        wait_until(is_scraped)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return as soon as `is_so`; each look is a request, so this takes no whole core."""
    until = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < until, "it did not come to be in time"


@pytest.fixture(scope="module")
def upstream() -> Iterator[httpx.Client]:
    """The control of a simulated Ollama with SLOTS slots and 0.3 s, more or less, a call."""
    with simulated_ollama(SLOTS, service_s=0.3, spread=0.8) as control:
        yield control


@pytest.fixture(scope="module")
def gateway(upstream: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in front of it."""
    with gateway_to(upstream, SLOTS, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(gateway: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the service four times a second."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text(CONFIG % gateway.url.removeprefix("http://"))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    running = Prometheus(f"http://127.0.0.1:{port}")
    transport = httpx.HTTPTransport(retries=10)
    with httpx.Client(transport=transport, trust_env=False) as client:
        client.get(f"{running.url}/-/ready")
    running.wait_for_scrape_after(0)
    yield running
    process.terminate()
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def compress_all(url: str, calls: int) -> list[Seen]:
    """So many calls by CLIENTS clients at once."""

    def call(number: int) -> Seen:
        started = time.perf_counter()
        answer = client.post("/compress", json={"text": f"Note {number}. {TEXT}"})
        seconds = time.perf_counter() - started
        cost: dict[str, Any] = answer.json()["cost"]
        return Seen(seconds, cost["cloud_usd"], cost["local_usd"])

    with httpx.Client(base_url=url, timeout=LIMIT_S, trust_env=False) as client, ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(call, range(calls)))


@pytest.fixture(scope="module")
def seen(gateway: Service, prometheus: Prometheus) -> list[Seen]:
    """What the client saw of a load of less than a minute, all of it scraped."""
    calls = compress_all(gateway.url, CALLS)
    prometheus.wait_for_scrape_after(time.time())
    return calls


def test_throughput(prometheus: Prometheus, seen: list[Seen]) -> None:
    gauge = prometheus.value('condenser_throughput_operations_per_minute{operation="compress"}')
    counter = prometheus.value('condenser_operations_total{operation="compress", outcome="ok"}')
    rated = prometheus.value('increase(condenser_operations_total{operation="compress", outcome="ok"}[2m])')
    assert gauge == counter == len(seen)
    assert rated == pytest.approx(len(seen), rel=0.05)


def test_p95_latency(prometheus: Prometheus, seen: list[Seen]) -> None:
    p95 = sorted(call.seconds for call in seen)[int(0.95 * len(seen)) - 1]
    measured = prometheus.value('condenser_latency_seconds{operation="compress", quantile="0.95"}')
    assert measured == pytest.approx(p95, rel=0.05)


def test_savings(prometheus: Prometheus, seen: list[Seen]) -> None:
    cloud, local = sum(call.cloud_usd for call in seen), sum(call.local_usd for call in seen)
    assert prometheus.value("condenser_cost_savings_ratio") == pytest.approx(1 - local / cloud, rel=0.05)
    assert prometheus.value("condenser_cost_savings_dollars") == pytest.approx(cloud - local, rel=0.05)
    by_counter = 'sum(condenser_cost_dollars_total{basis="cloud"}) - sum(condenser_cost_dollars_total{basis="local"})'
    assert prometheus.value(by_counter) == pytest.approx(cloud - local, rel=0.05)


def test_queue_depth(gateway: Service, prometheus: Prometheus, upstream: httpx.Client, seen: list[Seen]) -> None:
    upstream.post("/control", json={"held": True})
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(compress_all, gateway.url, CLIENTS)
        waiting = f"condenser_queue_depth {float(CLIENTS - SLOTS)}"
        wait_until(lambda: waiting in httpx.get(f"{gateway.url}/metrics").text)
        prometheus.wait_for_scrape_after(time.time())
        depth, in_flight = prometheus.value("condenser_queue_depth"), prometheus.value("condenser_in_flight")
        upstream.post("/control", json={"held": False})
        load.result()
    assert (depth, in_flight) == (CLIENTS - SLOTS, SLOTS)
    prometheus.wait_for_scrape_after(time.time())
    assert prometheus.value("condenser_queue_depth") == 0
