"""A large batch that is answered later: memory of the service, and its progress.

    .venv/bin/python -m benchmarks.jobs --items 100000

Each item is a capsule to reconstruct byte for byte, which needs no model, so that only the queue and the database are
measured. `--compress` sends texts instead, which are compressed with a simulated Ollama of zero service time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.simulated_ollama import MODEL

ROOT = Path(__file__).parents[1]
TEXT = "The ferry to Tallinn leaves at 07:45. Tickets cost 24 euros."
SLOTS = 5


def memory_mb(pid: int) -> dict[str, float]:
    """Memory of a process, now and its maximum, MB (10^6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: round(int(values[name].split()[0]) * 1024 / 1e6, 1) for name in ("VmRSS", "VmHWM")}


def main() -> None:
    """Start everything, send the batch, print a line every ten seconds and the figures at the end as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=8627)
    parser.add_argument("--compress", action="store_true")
    arguments = parser.parse_args()
    upstream = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.simulated_ollama", "--slots", str(SLOTS), "--service-s", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert upstream.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "CONDENSER_PORT": str(arguments.port),
            "CONDENSER_OLLAMA_URL": upstream.stdout.readline().strip(),
            "CONDENSER_MODEL": MODEL,
            "CONDENSER_MAX_CONCURRENCY": str(SLOTS),
            "CONDENSER_LOG_LEVEL": "WARNING",
            "CONDENSER_JOBS_DATABASE": f"sqlite:///{folder}/jobs.sqlite",
        }
        service = subprocess.Popen([sys.executable, "-m", "app.cli", "serve"], env=os.environ | settings, cwd=ROOT)
        try:
            print(
                json.dumps(
                    measured(service.pid, arguments.port, arguments.items, Path(folder), compress=arguments.compress)
                )
            )
        finally:
            for process in (service, upstream):
                process.terminate()
                process.wait()


def measured(pid: int, port: int, items: int, folder: Path, *, compress: bool) -> dict[str, object]:
    """The figures of one job."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False) as client:
        while True:
            try:
                client.get("/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        before = memory_mb(pid)
        capsule = client.post("/compress", json={"text": TEXT}).json()["capsule"]
        item = {"text": TEXT} if compress else {"capsule": {name: capsule[name] for name in ("version", "payload")}}
        body = {"operation": "compress" if compress else "reconstruct", "items": [item] * items}
        content = json.dumps(body, separators=(",", ":")).encode()
        started = time.perf_counter()
        headers = {"prefer": "respond-async", "content-type": "application/json"}
        accepted = client.post("/batch", content=content, headers=headers)
        accepted_s = time.perf_counter() - started
        path = accepted.raise_for_status().headers["location"]
        slowest_s, printed_at = 0.0, 0.0
        while True:
            requested = time.perf_counter()
            progress = client.get(path, params={"limit": 0}).json()
            slowest_s = max(slowest_s, time.perf_counter() - requested)
            if requested - printed_at > 10:
                printed_at = requested
                ended = progress["succeeded"] + progress["failed"]
                print(f"{requested - started:6.0f} s {progress['state']} {ended} {memory_mb(pid)}")
            if progress["state"] == "done":
                break
            time.sleep(0.5)
        done_s = time.perf_counter() - started
        at_end = memory_mb(pid)
        with client.stream("GET", path, headers={"accept": "application/x-ndjson"}) as lines:
            indices = [json.loads(line)["index"] for line in lines.iter_lines()]
        return {
            "items": items,
            "body_mb": round(len(content) / 1e6, 1),
            "accepted_s": round(accepted_s, 2),
            "done_s": round(done_s, 1),
            "items_a_second": round(items / done_s, 1),
            "succeeded": progress["succeeded"],
            "failed": progress["failed"],
            "each_once": sorted(indices) == list(range(items)),
            "slowest_progress_s": round(slowest_s, 2),
            "memory_before_mb": before,
            "memory_when_done_mb": at_end,
            "memory_after_reading_all_mb": memory_mb(pid),
            "database_mb": round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6, 1),
        }


if __name__ == "__main__":
    main()
