"""Starts the programs that benchmarks measure, each in a process on its own core, and reads their memory."""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from app.settings import PREFIX
from benchmarks.simulated_ollama import MODEL

PROJECT = Path(__file__).parents[1]
START_LIMIT_S = 60.0

_LITELLM = {
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "NO_DOCS": "True",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # otherwise it does not start without a key
}


@dataclass(frozen=True, slots=True)
class Process:
    """A program that listens at `url`; `started_s`: seconds until it was ready."""

    url: str
    pid: int
    started_s: float

    def megabytes(self, line: str = "VmRSS") -> float:
        """Memory of the process: `VmRSS` now, `VmHWM` its maximum."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(rf"^{line}:\s+(\d+) kB", status, re.MULTILINE)
        return int(match.group(1)) / 1024 if match else 0.0

    def descriptors(self) -> int:
        """Number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextmanager
def process(
    command: Sequence[str], core: int | None, greeting: str, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run `command` on `core` for the block; it is ready when it has printed its address on the stream `greeting`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        running = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=own | dict(environment or {}),
            stdout=subprocess.PIPE if greeting == "stdout" else log,
            stderr=log if greeting == "stdout" else subprocess.PIPE,
            text=True,
        )
        if core is not None:
            os.sched_setaffinity(running.pid, {core % (os.cpu_count() or 1)})
        stream = running.stdout if greeting == "stdout" else running.stderr
        assert stream is not None
        first_line = stream.readline()
        address = re.search(r"http://[\w.]+:\d+", first_line)
        if address is None:
            raise RuntimeError(f"{command} did not start: {first_line}{stream.read()}")
        try:
            yield Process(address.group(), running.pid, time.perf_counter() - started)
        finally:
            running.terminate()
            running.wait(timeout=60)


@contextmanager
def simulated(slots: int, service_s: float, spread: float = 0.0, core: int | None = 1) -> Iterator[Process]:
    """A simulated Ollama."""
    command = [sys.executable, "-m", "benchmarks.simulated_ollama", "--slots", str(slots)]
    with process([*command, "--service-s", str(service_s), "--spread", str(spread)], core, "stdout") as upstream:
        yield upstream


@contextmanager
def condenser(upstream: str, core: int | None = 0, **settings: object) -> Iterator[Process]:
    """The service in front of `upstream`, ready, with these settings, such as `max_queue=10`."""
    with served(core, **{"ollama_url": upstream, "model": MODEL, **settings}) as service:
        yield service


@contextmanager
def served(core: int | None, **settings: object) -> Iterator[Process]:
    """The service, ready, with these settings."""
    variables = {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
    started = time.perf_counter()
    with process(command, core, "stderr", variables) as service:
        _wait_for(f"{service.url}/readyz")
        yield replace(service, started_s=time.perf_counter() - started)


async def every(interval_s: float, stop: asyncio.Event) -> None:
    """Return after `interval_s`, or as soon as `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), interval_s)
    except TimeoutError:
        return


@contextmanager
def litellm(command: str, upstream: str, model: str, core: int | None = 0) -> Iterator[Process]:
    """LiteLLM's proxy in front of `upstream`, on one worker, with its logs off."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = {
        "model_list": [{"model_name": model, "litellm_params": {"model": f"ollama_chat/{model}", "api_base": upstream}}]
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file, tempfile.TemporaryFile("w+") as log:
        file.write(json.dumps(config))
        file.flush()
        started = time.perf_counter()
        running = subprocess.Popen(
            [command, "--config", file.name, "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | _LITELLM,
            stdout=log,
            stderr=log,
        )
        if core is not None:
            os.sched_setaffinity(running.pid, {core % (os.cpu_count() or 1)})
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{url}/health/liveliness")
            yield Process(url, running.pid, time.perf_counter() - started)
        finally:
            running.terminate()
            running.wait(timeout=60)


def _wait_for(url: str) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{url} does not answer")
