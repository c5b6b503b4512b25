"""The embedded engine's parts, and the service where one runs on it."""

import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from app.engine.model_file import default_model_path
from app.ops.doctor.gathering.ollama_api import STATUS_TIMEOUT_S, TEXT
from app.ops.doctor.gathering.tools import run
from app.ops.doctor.observations import Call, Embedded, Service
from app.settings import Settings

_IMPORT_TIMEOUT_S = 20.0


def look_at_embedded(settings: Settings, *, with_call: bool, timeout_s: float) -> Embedded:
    """The model file, llama.cpp, and what the running service says, if one runs."""
    path = settings.embedded_model or default_model_path(settings.cache_dir)
    return Embedded(
        model_path=str(path),
        model_bytes=path.stat().st_size if path.is_file() else None,
        is_own_model=settings.embedded_model is not None,
        xllamacpp_version=_version(),
        xllamacpp_problem=_import_problem(),
        num_parallel=settings.embedded_num_parallel,
        service=_service(settings, with_call, timeout_s),
    )


def _version() -> str | None:
    try:
        return version("xllamacpp")
    except PackageNotFoundError:
        return None


def _import_problem() -> str | None:
    # In a process of its own: a CPU without the instructions it was built for ends the process that loads it.
    said = run(sys.executable, "-c", "import xllamacpp", timeout_s=_IMPORT_TIMEOUT_S)
    if said is None:
        return f"it did not load within {_IMPORT_TIMEOUT_S:g} s"
    if said.code < 0:
        return f"loading it ended with signal {-said.code}"
    return None if said.code == 0 else (said.err.strip().splitlines() or ["it does not load"])[-1]


def _service(settings: Settings, with_call: bool, timeout_s: float) -> Service:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{settings.port}"
    headers = {"X-API-Key": settings.keys[0]} if settings.keys else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=STATUS_TIMEOUT_S, trust_env=False) as http:
            ready: dict[str, Any] = http.get("/readyz").json()
            if ready.get("problem"):
                return Service(url, ready.get("engine"), str(ready["problem"]))
            call = _compress(http, timeout_s) if with_call else None
            return Service(url, str(ready["engine"]), call=call)
    except httpx.ConnectError:
        return Service(url, problem="no service runs there")
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return Service(url, problem="what answers there is not Condenser")


def _compress(http: httpx.Client, timeout_s: float) -> Call:
    body = {"text": f"Note {time.time_ns()}. {TEXT}", "fidelity": "semantic"}
    try:
        response = http.post("/compress", json=body, timeout=timeout_s)
        answer: dict[str, Any] = response.json()
        if response.status_code != 200:
            return Call(problem=str(answer.get("detail", response.status_code)))
        engine_s = answer["timing"]["engine_ms"] / 1000
        usage = answer["usage"]
        return Call(
            prompt_tokens=usage["prompt_tokens"], completion_tokens=usage["completion_tokens"], decode_s=engine_s
        )
    except httpx.TimeoutException:
        return Call(problem=f"no answer within {timeout_s:g} s")
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Call(problem=f"the service's answer can't be used: {error}")
