"""Throughput with a second worker: requests per second and CPU time per request, with one worker and two in turn.

    .venv/bin/python -m benchmarks.workers [--rounds 5] [--seconds 6]

The load is wrk (a Debian package), which needs hardly any CPU time itself. The simulated engine answers at once, but
needs CPU time. On two cores both slow the second worker down; the CPU time per request shows what the workers cost each
other. The last lines are for an engine with 4 slots of 1.2 s and 16 clients.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import load
from benchmarks.processes import Process, condenser, simulated
from benchmarks.rounds import call_ends, per_minute
from benchmarks.ways import Figures, through_condenser

SIZE = 2000
TEXTS = 400
CONNECTIONS = 32
WARM_UP_S = 2
SLOTS, SERVICE_S, CLIENTS, ROUNDS_OF_SLOTS = 4, 1.2, 16, 12

_OWN = {"engine_check": "off", "cache_bytes": 0}

_SCRIPT = """
local bodies, n = {}, 0
for line in io.lines("%s") do bodies[#bodies + 1] = line end
function request()
  n = n + 1
  local body = bodies[n %% #bodies + 1]:gsub("NUMBER", n)
  return wrk.format("POST", "/compress", {["Content-Type"] = "application/json"}, body)
end
"""


def cpu_s(service: Process) -> float:
    """CPU time of a service and its workers, seconds."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in [service.pid, *children]]
    return sum(int(values[11]) + int(values[12]) for values in fields) / os.sysconf("SC_CLK_TCK")


def requests_of(service: Process, script: Path, seconds: int) -> int:
    """Number of successful requests in `seconds` seconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), service.url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"(\d+) requests in", output)
    if match is None or "Non-2xx" in output:
        raise RuntimeError(output)
    return int(match.group(1))


def script_in(folder: Path, method: str, texts: Iterator[str]) -> Path:
    """A script for wrk: compressions of different texts."""
    bodies = folder / f"{method}.jsonl"
    some = ({"text": f"NUMBER. {text}", "method": method} for text in itertools.islice(texts, TEXTS))
    bodies.write_text("".join(f"{json.dumps(body)}\n" for body in some))
    script = folder / f"{method}.lua"
    script.write_text(_SCRIPT % bodies)
    return script


def rate(figures: Figures, workers: int, method: str, script: Path, seconds: int) -> None:
    """One round with `workers` workers."""
    with (
        simulated(64, 0.0, core=None) as upstream,
        condenser(upstream.url, core=None, max_concurrency=64, workers=workers, **_OWN) as service,
    ):
        requests_of(service, script, WARM_UP_S)
        before_s = cpu_s(service)
        count = requests_of(service, script, seconds)
        figures.add(f"{method}, {workers} workers: a second", count / seconds)
        figures.add(f"{method}, {workers} workers: CPU ms a request", 1000 * (cpu_s(service) - before_s) / count)


async def busy_slots(figures: Figures, workers: int, texts: Iterator[str]) -> None:
    """How busy `workers` workers keep the slots of an engine while the queue is never empty."""
    with (
        simulated(SLOTS, SERVICE_S, core=None) as upstream,
        condenser(upstream.url, core=None, max_concurrency=SLOTS, workers=workers, **_OWN) as service,
    ):
        async with load.client() as session:
            some = list(itertools.islice(texts, ROUNDS_OF_SLOTS * SLOTS))
            ends = await call_ends(session, through_condenser(service.url), some, CLIENTS)
            figures.add(f"{workers} workers: share of the slots", per_minute(ends, SLOTS) * SERVICE_S / 60 / SLOTS)
            async with session.get(f"{upstream.url}/control") as response:
                figures.add(
                    f"{workers} workers: most calls in {SLOTS} slots", (await response.json())["most_in_service"]
                )


def main() -> None:
    """Measure in turn, and print medians with minimum and maximum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="seconds of each measurement")
    arguments = parser.parse_args()
    figures, texts = Figures(), load.texts(SIZE)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for method in ("extractive", "auto"):
            script = script_in(Path(folder), method, texts)
            for _, workers in itertools.product(range(arguments.rounds), (1, 2)):
                rate(figures, workers, method, script, arguments.seconds)
    for workers in (1, 2):
        asyncio.run(busy_slots(figures, workers, texts))
    for name in figures.values:
        print(f"{name:45} {figures.formatted(name, 2)}")
    for method in ("extractive", "auto"):
        single, double = (figures.median(f"{method}, {workers} workers: a second") for workers in (1, 2))
        print(f"{method + ', 2 workers over 1':45} {double / single:.2f}")
    print(f"{time.monotonic() - started:.0f} s, load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
