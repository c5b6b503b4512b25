"""Schemathesis against the service in a process of its own, in front of a simulated Ollama."""

import os
import subprocess
import sys
from pathlib import Path

from tests.live.simulated import gateway_to, simulated_ollama

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_ROOT = Path(__file__).parents[2]
_SLOTS = 4
_SERVICE_S = 0.001
_OVER_TIME_S = 120.0  # that a case under way and the shrinking of a failure may take


def fuzzed(folder: Path, seconds: int, seed: int | None = None) -> subprocess.CompletedProcess[str]:
    """Fuzz for so many seconds; `folder` takes the service's log. Exit code 0 where nothing was found."""
    with simulated_ollama(_SLOTS, _SERVICE_S) as upstream, gateway_to(upstream, _SLOTS, folder) as service:
        command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={_CONFIG}", "run"]
        command += [f"{service.url}/openapi.json", "--checks=all", f"--max-time={seconds}", "--no-color"]
        command += ["--generation-database=none", *([f"--seed={seed}"] if seed is not None else [])]
        return subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
            capture_output=True,
            text=True,
            timeout=seconds + _OVER_TIME_S,
            check=False,
        )
