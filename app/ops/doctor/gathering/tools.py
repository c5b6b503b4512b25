"""Helpers for all probes: run a command, read a file."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

COMMAND_TIMEOUT_S = 5.0

# Variables that configure Ollama or the GPU libraries below it; all others may be secrets and are never kept.
_ENGINE_VARIABLE = re.compile(
    r"OLLAMA_|LLAMA_ARG_|GGML_|HSA_|HIP_|ROCR_|CUDA_VISIBLE_DEVICES|GPU_DEVICE_ORDINAL|VK_|LD_LIBRARY_PATH"
)


@dataclass(frozen=True, slots=True)
class CommandOutput:
    out: str
    err: str
    code: int


def run(*command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> CommandOutput | None:
    """The output of `command`; None if there is no such command or it takes too long."""
    environment = os.environ | {"LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(  # fixed programs, no shell  # noqa: S603 # nosec B603
            command,
            capture_output=True,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return CommandOutput(done.stdout, done.stderr, done.returncode)


def read(path: Path) -> str | None:
    """The text of a file without surrounding white space; None if it can't be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int:
    """A whole number from a file of the kernel's; 0 if there is none."""
    text = read(path)
    return int(text) if text and text.isdigit() else 0


def engine_variables(environment: dict[str, str]) -> dict[str, str]:
    """The variables that configure the engine."""
    return {name: value for name, value in sorted(environment.items()) if _ENGINE_VARIABLE.match(name)}
