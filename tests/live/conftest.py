"""A service in a process of its own, in front of a real model.

CONDENSER_TEST_ENGINE=embedded (default) takes the embedded engine; =ollama takes the Ollama at OLLAMA_HOST with
the model CONDENSER_MODEL, as `make test-live` does.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engine.model_file import fetch_model
from app.settings import PREFIX, default_cache_dir
from tests.live.calls import compress
from tests.live.cores import THREADS
from tests.live.texts import MAIL

ENGINE = os.environ.get("CONDENSER_TEST_ENGINE", "embedded")
START_LIMIT_S = 120.0
REQUEST_LIMIT_S = 3600.0  # a long text on two cores, by an Ollama built without vector instructions


LIMITS = {
    "CONDENSER_REQUEST_TIMEOUT_S": str(REQUEST_LIMIT_S),
    "CONDENSER_MAX_CONCURRENCY": "2",
    "CONDENSER_NUM_CTX": "1024",  # so that a long text, which is read in parts, need not be very long
    "CONDENSER_CACHE_BYTES": "0",
    "CONDENSER_EMBEDDED_THREADS": str(THREADS),
    "CONDENSER_ENGINE_CHECK": "off",  # the model would be tried as a judge after each start, in 24 calls
}


@dataclass(frozen=True)
class Service:
    """A running service: its address, its log file and its process."""

    url: str
    log: Path
    process: subprocess.Popen[str]

    def client(self) -> httpx.Client:
        """A client with time enough for long texts on two cores."""
        return httpx.Client(base_url=self.url, timeout=REQUEST_LIMIT_S, trust_env=False)

    def log_line(self, request_id: str) -> dict[str, Any]:
        """The one log line of a request that has been answered."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        (line,) = [line for line in lines if line.get("request_id") == request_id]
        return dict(line)


def start_service(folder: Path, engine: str = ENGINE, **settings: object) -> Service:
    """Start `condenser serve` on a free port in `folder`; it has said where it listens when this returns."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    chosen = {name: str(value) for name, value in settings.items()}
    model = {"CONDENSER_MODEL": os.environ["CONDENSER_MODEL"]} if "CONDENSER_MODEL" in os.environ else {}
    log = folder / "service.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--engine", engine],
            cwd=folder,
            # A batch that is answered later is not to be taken by the service of another test.
            env=own | model | LIMITS | {"XDG_STATE_HOME": str(folder)} | chosen,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    greeting = process.stderr.readline()
    address = re.search(r"http://\S+?:\d+", greeting)
    assert address, f"the service did not start: {greeting}{process.stderr.read()}"
    return Service(address.group(), log, process)


@pytest.fixture(scope="session")
def model() -> None:
    """The embedded model is in place, where it is the one that is tested."""
    if ENGINE == "embedded":
        fetch_model(default_cache_dir())


@pytest.fixture(scope="session")
def service(model: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that is ready."""
    running = start_service(tmp_path_factory.mktemp("service"))
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.process.terminate()
        running.process.wait(timeout=30)


def wait_until_ready(service: Service) -> None:
    """Return when the service says that it is ready; its connection attempts are retried meanwhile."""
    transport = httpx.HTTPTransport(retries=10)
    until = time.monotonic() + START_LIMIT_S
    with httpx.Client(base_url=service.url, transport=transport, timeout=START_LIMIT_S) as client:
        while (answer := client.get("/readyz")).status_code != 200 and time.monotonic() < until:
            pass
    if answer.status_code == 200:
        return
    pytest.exit(f"the {ENGINE} engine is not ready: {answer.text}", returncode=1)


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of the service."""
    with service.client() as client:
        yield client


@pytest.fixture(scope="session")
def mail(service: Service) -> dict[str, Any]:
    """MAIL, compressed."""
    with service.client() as client:
        return compress(client, MAIL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is about the embedded engine itself where a real Ollama is tested."""
    if ENGINE == "embedded":
        return
    reason = pytest.mark.skip(reason=f"is about the embedded engine; this run is about {ENGINE}")
    for item in items:
        if item.get_closest_marker("embedded_only"):
            item.add_marker(reason)
