"""The embedded engine's parts."""

import sys
from importlib.metadata import PackageNotFoundError, version

from app.engine.model_file import default_model_path
from app.ops.doctor.gathering.tools import run
from app.ops.doctor.observations import Embedded
from app.settings import Settings

_IMPORT_TIMEOUT_S = 20.0


def look_at_embedded(settings: Settings) -> Embedded:
    """The model file and llama.cpp."""
    path = settings.embedded_model or default_model_path(settings.cache_dir)
    return Embedded(
        model_path=str(path),
        model_bytes=path.stat().st_size if path.is_file() else None,
        is_own_model=settings.embedded_model is not None,
        xllamacpp_version=_version(),
        xllamacpp_problem=_import_problem(),
        num_parallel=settings.embedded_num_parallel,
    )


def _version() -> str | None:
    try:
        return version("xllamacpp")
    except PackageNotFoundError:
        return None


def _import_problem() -> str | None:
    # In a separate process: if the CPU lacks the instructions it was built for, the process that loads it dies.
    output = run(sys.executable, "-c", "import xllamacpp", timeout_s=_IMPORT_TIMEOUT_S)
    if output is None:
        return f"it did not load within {_IMPORT_TIMEOUT_S:g} s"
    if output.code < 0:
        return f"loading it ended with signal {-output.code}"
    return None if output.code == 0 else (output.err.strip().splitlines() or ["it does not load"])[-1]
