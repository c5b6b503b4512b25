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


def fuzzed(folder: Path, *options: str, limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with these options; `folder` takes the service's log. Exit code 0 if nothing failed."""
    with simulated_ollama(_SLOTS, _SERVICE_S) as upstream, gateway_to(upstream, _SLOTS, folder) as service:
        command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={_CONFIG}", "run"]
        command += [f"{service.url}/openapi.json", "--checks=all", "--no-color", "--generation-database=none", *options]
        return subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
