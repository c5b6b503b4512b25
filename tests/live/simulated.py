"""A service in front of a simulated Ollama, where a test is about the load and not about the model."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.simulated_ollama import MODEL
from tests.live.conftest import Service, start_service, wait_until_ready


@contextmanager
def simulated_ollama(slots: int, service_s: float, spread: float = 0.0) -> Iterator[httpx.Client]:
    """A client of the control of a simulated Ollama, which serves a call in `service_s` seconds, give or take."""
    command = [sys.executable, "-m", "benchmarks.simulated_ollama", "--slots", str(slots)]
    command += ["--service-s", str(service_s), "--spread", str(spread)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    with httpx.Client(base_url=process.stdout.readline().strip(), trust_env=False) as client:
        yield client
    process.terminate()
    process.wait()


@contextmanager
def gateway_to(upstream: httpx.Client, slots: int, folder: Path) -> Iterator[Service]:
    """A service in front of it, ready."""
    running = start_service(
        folder,
        CONDENSER_OLLAMA_URL=upstream.base_url,
        CONDENSER_MODEL=MODEL,
        CONDENSER_MAX_CONCURRENCY=slots,
        engine="ollama",
    )
    wait_until_ready(running)
    yield running
    running.process.terminate()
    running.process.wait(timeout=30)
