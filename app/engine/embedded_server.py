"""The embedded engine: the part of Ollama's API that Condenser calls, on top of llama.cpp and one GGUF file.

Only Condenser uses it. It loads one model at start-up, with a fixed context window, and rejects a prompt that does not
fit. Features that Condenser does not use (tools, images, formats, templates) are ignored.
"""

import json
import socket
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app import __version__
from app.asgi import ClientDisconnectedError, cancel_on_disconnect
from app.engine.embedded import EmbeddedConfig
from app.engine.llama_server import Chunk, LlamaError, LlamaServer, Position

TOO_LONG = "the input length exceeds the context length"
_MOST_LOGPROBS = 20  # Ollama's own bound (server/routes.go)
Line = dict[str, Any]


class OllamaMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: str
    content: str = ""


class Options(BaseModel):
    """Ollama's options; those that llama.cpp does not know are ignored."""

    model_config = ConfigDict(extra="allow")

    num_predict: int = -1


class OllamaRequest(BaseModel):
    """Body of `/api/chat`; other fields are ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[OllamaMessage] = []
    stream: bool = True
    think: bool | str | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    options: Options | None = None


class ShowRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    model: str


def create_embedded_app(config: EmbeddedConfig, llama: LlamaServer) -> Starlette:
    """The ASGI application for a loaded model."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await llama.aclose()

    routes = [
        Route("/", _root, methods=["GET"]),
        Route("/api/version", _version, methods=["GET"]),
        Route("/api/tags", _tags, methods=["GET"]),
        Route("/api/ps", _ps, methods=["GET"]),
        Route("/api/show", _show, methods=["POST"]),
        Route("/api/chat", _chat, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {HTTPException: _http_error, ValidationError: _bad_body, LlamaError: _llama_error}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.state.config, app.state.llama = config, llama
    return app


async def _root(request: Request) -> Response:
    return PlainTextResponse("Ollama is running")


async def _version(request: Request) -> Response:
    return JSONResponse({"version": f"{__version__}-condenser"})


async def _tags(request: Request) -> Response:
    return JSONResponse({"models": [_model_row(request.app.state.config)]})


async def _ps(request: Request) -> Response:
    config: EmbeddedConfig = request.app.state.config
    row = _model_row(config) | {
        "size_vram": 0,
        "context_length": config.num_ctx,
        "expires_at": "0001-01-01T00:00:00Z",
    }
    return JSONResponse({"models": [row]})


async def _show(request: Request) -> Response:
    config: EmbeddedConfig = request.app.state.config
    _require_model(ShowRequest.model_validate_json(await request.body()).model, config)
    return JSONResponse(
        {
            "modelfile": f"FROM {config.model}\n",
            "details": _details(),
            "model_info": {},
            "capabilities": ["completion"],
            "modified_at": _modified_at(config),
        }
    )


def _model_row(config: EmbeddedConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "model": config.name,
        "modified_at": _modified_at(config),
        "size": config.model.stat().st_size,
        "digest": "",
        "details": _details(),
    }


def _details() -> dict[str, Any]:
    unknown = dict.fromkeys(("parent_model", "family", "parameter_size", "quantization_level"), "")
    return {**unknown, "format": "gguf", "families": []}


def _modified_at(config: EmbeddedConfig) -> str:
    return datetime.fromtimestamp(config.model.stat().st_mtime, UTC).isoformat()


def _require_model(name: str, config: EmbeddedConfig) -> None:
    if name.casefold().removesuffix(":latest") != config.name.removesuffix(":latest"):
        raise HTTPException(404, f"model '{name}' not found")


async def _chat(request: Request) -> Response:
    body = OllamaRequest.model_validate_json(await request.body())
    config: EmbeddedConfig = request.app.state.config
    _require_model(body.model, config)
    if body.think:
        raise HTTPException(400, f'"{body.model}" does not support thinking')
    if not 0 <= body.top_logprobs <= _MOST_LOGPROBS:
        raise HTTPException(400, f"top_logprobs must be between 0 and {_MOST_LOGPROBS}")
    lines = _lines(request.app.state.llama, body)
    try:
        if body.stream:
            # Read the first line before the answer starts, so that an error can set the status.
            first = await cancel_on_disconnect(request.receive, anext(lines))
            return StreamingResponse(_ndjson(first, lines), media_type="application/x-ndjson")
        return JSONResponse(await cancel_on_disconnect(request.receive, _whole(lines)))
    except ClientDisconnectedError:
        return JSONResponse({"error": "request canceled"}, 499)


async def _lines(llama: LlamaServer, body: OllamaRequest) -> AsyncGenerator[Line, None]:
    """Lines of Ollama's answer for one completion: one per piece of text; the last has the counts."""
    started = time.monotonic_ns()
    messages = [message.model_dump() for message in body.messages]
    if not messages:
        yield _line(body, "") | {"done": True, "done_reason": "load"}
        return
    last = Chunk()
    reason = "stop"
    # llama.cpp reports a token's own log probability only if candidates are requested.
    top_logprobs = max(1, body.top_logprobs) if body.logprobs else 0
    async with aclosing(llama.chat(messages, (body.options or Options()).model_dump(), top_logprobs)) as chunks:
        async for chunk in chunks:
            for choice in chunk.choices:
                reason = choice.finish_reason or reason
                scores = _scores(choice.logprobs.content, body.top_logprobs) if choice.logprobs else {}
                if choice.delta.content or scores:
                    yield _line(body, choice.delta.content or "") | scores | {"done": False}
            last = Chunk(usage=chunk.usage or last.usage, timings=chunk.timings or last.timings)
    yield _line(body, "") | {"done": True, "done_reason": reason} | _counts(last, started)


def _line(body: OllamaRequest, text: str) -> Line:
    return {"model": body.model, "created_at": datetime.now(UTC).isoformat()} | _message(text)


def _message(text: str) -> Line:
    return {"message": {"role": "assistant", "content": text}}


def _scores(positions: tuple[Position, ...], top_logprobs: int) -> dict[str, Any]:
    """Log probabilities in Ollama's format; empty if there are none."""
    dumped = [position.model_dump(exclude_none=True) for position in positions]
    for position in dumped:
        position["top_logprobs"] = position["top_logprobs"][:top_logprobs]
        if not position["top_logprobs"]:
            del position["top_logprobs"]
    return {"logprobs": dumped} if dumped else {}


def _counts(last: Chunk, started: int) -> dict[str, int]:
    """Ollama's counts; durations in nanoseconds, zeros omitted. prompt_eval_count includes cached tokens."""
    counts = {"total_duration": time.monotonic_ns() - started}
    if last.usage is not None:
        counts |= {"prompt_eval_count": last.usage.prompt_tokens, "eval_count": last.usage.completion_tokens}
    if last.timings is not None:
        counts["prompt_eval_duration"] = int(last.timings.prompt_ms * 1e6)
        counts["eval_duration"] = int(last.timings.predicted_ms * 1e6)
    return {name: count for name, count in counts.items() if count}


async def _whole(lines: AsyncGenerator[Line, None]) -> Line:
    texts: list[str] = []
    scores: list[Any] = []
    last: Line = {}
    async with aclosing(lines):
        async for last in lines:
            texts.append(last["message"]["content"])
            scores += last.get("logprobs", [])
    return last | _message("".join(texts)) | ({"logprobs": scores} if scores else {})


async def _ndjson(first: Line, lines: AsyncGenerator[Line, None]) -> AsyncIterator[str]:
    try:
        async with aclosing(lines):
            yield json.dumps(first) + "\n"
            async for line in lines:
                yield json.dumps(line) + "\n"
    except LlamaError as error:
        yield json.dumps({"error": str(error)}) + "\n"


async def _http_error(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code)


async def _bad_body(request: Request, error: ValidationError) -> Response:
    return JSONResponse({"error": error.errors(include_url=False, include_input=False)[0]["msg"]}, 400)


async def _llama_error(request: Request, error: LlamaError) -> Response:
    if error.is_too_long:
        return JSONResponse({"error": TOO_LONG}, 400)
    return JSONResponse({"error": str(error)}, error.status)


def serve(config: EmbeddedConfig, listener: socket.socket, server: type[uvicorn.Server]) -> None:
    """Load the model, then serve on `listener` with `server`; callers wait in the socket's backlog until then.

    Exits the process with code 1 if the model can't be loaded.
    """
    try:
        llama = LlamaServer(config)
    except RuntimeError as error:
        sys.exit(f"llama.cpp can't load {config.model} with a context of {config.num_ctx} tokens: {error}")
    app = create_embedded_app(config, llama)
    server_config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False)
    server(server_config).run(sockets=[listener])
