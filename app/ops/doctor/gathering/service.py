"""The running service, if one runs."""

import os
import time
from typing import Any

import httpx

from app.ops.doctor.gathering.ollama_api import STATUS_TIMEOUT_S, TEXT
from app.ops.doctor.observations import Call, Service
from app.settings import Settings


def look_at_service(settings: Settings, *, with_call: bool, timeout_s: float) -> Service:
    """The status of the service at the address of `settings`; `with_call`: also time a compression by it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = host.replace("0.0.0.0", "127.0.0.1")  # asked for here, nothing listens on it  # noqa: S104 # nosec B104
    url = f"http://{host}:{settings.port}"
    key = os.environ.get("CONDENSER_API_KEY")
    headers = {"X-API-Key": key} if key else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=STATUS_TIMEOUT_S, trust_env=False) as http:
            ready: dict[str, Any] = http.get("/readyz").json()
            if ready.get("problem"):
                return Service(url, ready.get("engine"), str(ready["problem"]))
            call = _compress(http, timeout_s) if with_call else None
            return Service(url, str(ready["engine"]), call=call, warning=ready.get("warning"))
    except httpx.ConnectError:
        return Service(url, problem="no service runs there")
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return Service(url, problem="the server that answers there is not Condenser")


def _compress(http: httpx.Client, timeout_s: float) -> Call:
    body = {"text": f"Note {time.time_ns()}. {TEXT}", "method": "abstractive", "fidelity": "semantic"}
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
