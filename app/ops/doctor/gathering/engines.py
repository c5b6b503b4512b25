"""What the engines answer: Ollama, a server with the OpenAI API, the embedded engine, and the running service."""

import asyncio
import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from app.compression.prompts import summarize_prompt
from app.engine.client import Prompt
from app.engine.errors import EngineError
from app.engine.http import CONNECT_TIMEOUT_S
from app.engine.model_file import default_model_path
from app.engine.ollama import OllamaClient, error_of
from app.engine.ollama_answers import ProcessModel
from app.engine.openai import OpenAIClient
from app.ops.doctor.gathering.tools import run
from app.ops.doctor.observations import Answers, Call, Embedded, Installed, OpenAIServer, Service
from app.settings import Settings
from app.text.language import Language

STATUS_TIMEOUT_S = 5.0
NUM_PREDICT = 48

_KEPT_INFO = frozenset(
    "architecture block_count context_length embedding_length head_count head_count_kv key_length value_length".split()
)

TEXT = (
    "Good morning everybody, and thank you for coming in spite of the rain. The bridge in Turku stays closed until "
    "12 May, because the new bearings came late and two of the eight did not fit. Until then buses of line 41 leave "
    "from pier 7 every 20 minutes, from 05:40 to 23:10, and the ferry to Ruissalo takes bicycles free of charge. We "
    "know that this is annoying, and we would have liked to have better news for all of you, believe us. The repair "
    "costs 1.37 million euros instead of 1.2 million; the city pays 60 percent of it and the harbour the rest. If the "
    "last bearing is not delivered by 28 April, the opening moves to the week after, and we shall write to every "
    "household on the island before that. Questions go to Maria Lindqvist at the road office, weekdays from 9 to 15, "
    "or by mail to bridge@turku.example. Please do not walk across the closed part: on Monday a boy slipped there, "
    "and only a rope that the workers had left hanging kept him out of the water. He is well, but next time may differ."
)
"""A text of about 1,000 characters, the middle one of the three tested lengths."""


async def ask(settings: Settings, url: str, *, with_call: bool, timeout_s: float) -> Answers:
    """The status of the Ollama server at `url` and the configured model; also a real completion if it has the model.

    Each status answer may take STATUS_TIMEOUT_S, the completion `timeout_s` seconds. Never raises.
    """
    client = OllamaClient(url, num_ctx=settings.num_ctx, keep_alive=settings.keep_alive, seed=settings.seed)
    limits = httpx.Timeout(STATUS_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    async with client, httpx.AsyncClient(base_url=url, timeout=limits, trust_env=False) as http:
        try:
            version = (await _get(http, "/api/version"))["version"]
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            return Answers(problem=_words(error), timed_out=_is_timeout(error))
        try:
            tags, ps = await _get(http, "/api/tags"), await _get(http, "/api/ps")
            shown = await _show(http, settings.model)
            call = await _call(client, http, settings.model, timeout_s) if with_call and shown is not None else None
            after = await _get(http, "/api/ps") if call is not None else {}
            return _answers(version, tags, ps, shown or {}, call, after)
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Answers(version=str(version), problem=_words(error), timed_out=_is_timeout(error))


def _answers(
    version: str, tags: dict[str, Any], ps: dict[str, Any], shown: dict[str, Any], call: Call | None, after: Any
) -> Answers:
    return Answers(
        version=str(version),
        installed=tuple(Installed(model["name"], model.get("size", 0)) for model in tags.get("models") or ()),
        loaded=_loaded(ps),
        loaded_after_call=_loaded(after),
        family=(shown.get("details") or {}).get("family", ""),
        model_info=_kept(shown.get("model_info") or {}),
        call=call,
    )


def _loaded(ps: dict[str, Any]) -> tuple[ProcessModel, ...]:
    return tuple(ProcessModel.model_validate(model) for model in ps.get("models") or ())


def _kept(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in sorted(info.items()) if key.rsplit(".", 1)[-1] in _KEPT_INFO}


async def _get(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    async with asyncio.timeout(STATUS_TIMEOUT_S):
        response = await http.get(path)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


async def _show(http: httpx.AsyncClient, model: str) -> dict[str, Any] | None:
    async with asyncio.timeout(STATUS_TIMEOUT_S):
        response = await http.post("/api/show", json={"model": model})
        if response.status_code != 200:
            return None
        answer: dict[str, Any] = response.json()
        return answer


def _prompt() -> Prompt:
    # Starts differently each time, so that the engine's prefix cache does not hide the prompt's evaluation.
    return summarize_prompt(f"Note {time.time_ns()}. {TEXT}", Language("en"), NUM_PREDICT)


async def _call(client: OllamaClient, http: httpx.AsyncClient, model: str, timeout_s: float) -> Call:
    try:
        async with asyncio.timeout(timeout_s):
            async with client.chat_body(_prompt(), model=model, num_predict=NUM_PREDICT) as body:
                return await _stream(http, body | {"stream": True}, timeout_s)
    except (EngineError, httpx.HTTPError, ValueError) as error:
        return Call(problem=_words(error))
    except TimeoutError:
        return Call(problem=f"no complete answer within {timeout_s:g} s")


async def _stream(http: httpx.AsyncClient, body: dict[str, Any], timeout_s: float) -> Call:
    started = time.monotonic()
    first_token_s: float | None = None
    limits = httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
    async with http.stream("POST", "/api/chat", json=body, timeout=limits) as response:
        if response.status_code != 200:
            raise error_of(response.status_code, (await response.aread()).decode(errors="replace")[:500])
        async for line in response.aiter_lines():
            part = json.loads(line)
            if "error" in part:
                return Call(problem=str(part["error"]))
            if first_token_s is None and part.get("message", {}).get("content"):
                first_token_s = time.monotonic() - started
            if part.get("done"):
                return Call(
                    first_token_s=round(first_token_s or time.monotonic() - started, 3),
                    load_s=part.get("load_duration", 0) / 1e9,
                    prompt_tokens=part.get("prompt_eval_count", 0),
                    completion_tokens=part.get("eval_count", 0),
                    decode_s=part.get("eval_duration", 0) / 1e9,
                )
    return Call(problem="the answer ended before it was complete")


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError | httpx.ReadTimeout)


def _words(error: Exception) -> str:
    if _is_timeout(error):
        return f"no answer within {STATUS_TIMEOUT_S:g} s"
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code} to {error.request.url.path}"
    if isinstance(error, httpx.ConnectError) and "All connection attempts" in str(error):
        return "nothing accepts connections"
    if isinstance(error, httpx.HTTPError | EngineError):
        return str(error) or type(error).__name__
    return "the server that answers is not Ollama"


async def look_at_openai(settings: Settings, with_call: bool, timeout_s: float) -> OpenAIServer:
    """Its models and, `with_call`, whether it completes a prompt within `timeout_s` seconds. Never raises."""
    url = settings.openai_url or ""
    models: tuple[str, ...] = ()
    key = settings.openai_api_key
    async with OpenAIClient(url, num_ctx=settings.num_ctx, seed=settings.seed, api_key=key) as client:
        try:
            async with asyncio.timeout(timeout_s):
                models = tuple(await client.installed_models())
                await client.preload(settings.model)
                if with_call:
                    await client.chat(summarize_prompt("", Language("en"), 1), model=settings.model, num_predict=1)
        except EngineError as error:
            return OpenAIServer(url, models, str(error))
        except TimeoutError:
            return OpenAIServer(url, models, f"no answer within {timeout_s:g} s")
    return OpenAIServer(url, models)


_IMPORT_TIMEOUT_S = 20.0


def look_at_embedded(settings: Settings) -> Embedded:
    """The model file and llama.cpp."""
    path = settings.embedded_model or default_model_path(settings.cache_dir)
    return Embedded(
        model_path=str(path),
        model_bytes=path.stat().st_size if path.is_file() else None,
        xllamacpp_version=_version(),
        xllamacpp_problem=_import_problem(),
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
