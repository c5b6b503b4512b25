"""Ray Serve application: llama.cpp behind its OpenAI API, for clusters of CPUs. `llama_cpp.yaml` deploys it.

It has the two deployments that Ray Serve's own application with vLLM has. `LlamaCpp` is a model: each replica owns a
llama.cpp server on loopback, which lives and dies with the replica's process. `Ingress` is the API: it passes a request
to a replica that has room, and the answer back as it comes. If a replica dies before anything of its answer was
sent on, `Ingress` gives the request to another one.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import xllamacpp
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, ReplicaUnavailableError
from ray.serve.handle import DeploymentHandle

from app.engine.model_file import default_model_path, fetch_model, model_name
from app.settings import default_cache_dir

_REPLICA_GONE = (RayActorError, ReplicaUnavailableError)
_JSON = {"content-type": "application/json"}
_TRIES = 3  # of a request whose replica dies
_HEALTH_LIMIT_S = 10.0

Head = tuple[int, str]
"""Status and content type of an answer."""


class Arguments(BaseModel):
    """`args` of the application in its Serve configuration; `name` is what clients call the model."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[Path | None, Field(description="GGUF file on each node; unset: Condenser's embedded model")] = None
    name: Annotated[str | None, Field(description="unset: after the file")] = None
    num_ctx: Annotated[int, Field(ge=512, description="context window of a request, tokens")] = 4096
    num_parallel: Annotated[int, Field(ge=1, le=256, description="slots of a replica: requests at once")] = 2
    threads: Annotated[int, Field(ge=1, le=1024, description="CPU threads of a replica; give it as many CPUs")] = 1


def start_llama_cpp(arguments: Arguments) -> xllamacpp.Server:
    """A llama.cpp server in this process, on a free loopback port, with the model loaded."""
    path = model_path(arguments)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {served_name(arguments)}
    params.n_ctx = arguments.num_ctx * arguments.num_parallel
    params.n_parallel = arguments.num_parallel
    params.ctx_shift = False
    params.cache_ram_mib = 0
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = -1
    params.cpuparams.n_threads = arguments.threads
    params.cpuparams_batch.n_threads = arguments.threads
    return xllamacpp.Server(params)


def model_path(arguments: Arguments) -> Path:
    """The GGUF file; Condenser's own is fetched if it is not there. Raises ModelFileError."""
    return arguments.model or fetch_model(default_cache_dir())


def served_name(arguments: Arguments) -> str:
    """What clients call the model."""
    return arguments.name or model_name(arguments.model or default_model_path(default_cache_dir()))


def _problem(message: str, kind: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind}}).encode()


class LlamaCpp:
    """A llama.cpp server and the way to it."""

    def __init__(self, arguments: Arguments) -> None:
        self._server = start_llama_cpp(arguments)
        self._http = httpx.AsyncClient(
            base_url=self._server.listening_address,
            timeout=None,  # Serve's `request_timeout_s` and the client end a request  # noqa: S113
            # llama.cpp closes a connection after its answer.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def check_health(self) -> None:
        """Called by Serve, which replaces the replica if this raises."""
        (await self._http.get("/health", timeout=_HEALTH_LIMIT_S)).raise_for_status()

    async def complete(self, body: bytes) -> tuple[Head, bytes]:
        """The whole answer of llama.cpp to a chat completion."""
        answer = await self._http.post("/v1/chat/completions", content=body, headers=_JSON)
        return (answer.status_code, answer.headers["content-type"]), answer.content

    async def stream(self, body: bytes) -> AsyncIterator[Head | bytes]:
        """The head of the answer, then its pieces as they come. Closing it ends the work in llama.cpp."""
        async with self._http.stream("POST", "/v1/chat/completions", content=body, headers=_JSON) as answer:
            yield answer.status_code, answer.headers["content-type"]
            async for piece in answer.aiter_raw():
                yield piece


_api = FastAPI(title="llama.cpp on Ray Serve")


@serve.ingress(_api)
class Ingress:
    """The OpenAI API in front of the replicas of `LlamaCpp`."""

    def __init__(self, model: DeploymentHandle[Any], name: str) -> None:
        self._model = model
        self._streaming = model.options(stream=True)
        self._name = name

    @_api.get("/v1/models")
    async def models(self) -> dict[str, Any]:
        """The one model. Not asked of a replica: it would wait behind the completions."""
        return {"object": "list", "data": [{"id": self._name, "object": "model", "owned_by": "llama.cpp on Ray"}]}

    @_api.post("/v1/chat/completions")
    async def chat(self, request: Request) -> Response:
        """The answer of a replica, whole or as a stream of events."""
        body = await request.body()
        try:
            request_body = json.loads(body)
        except (ValueError, RecursionError):
            request_body = None
        if not isinstance(request_body, dict):
            return Response(_problem("the body is no JSON object", "invalid_request_error"), 400, _JSON)
        if request_body.get("model", self._name) != self._name:
            message = f"model '{request_body['model']}' not found; this application serves '{self._name}'"
            return Response(_problem(message, "not_found_error"), 404, _JSON)
        for tried in range(1, _TRIES + 1):
            try:
                return await (self._streamed(body) if request_body.get("stream") else self._whole(body))
            except BackPressureError:
                return Response(_problem("all replicas are full", "overloaded_error"), 503, _JSON)
            except _REPLICA_GONE:
                if tried == _TRIES:
                    break
        return Response(_problem(f"{_TRIES} replicas died over this request", "server_error"), 502, _JSON)

    async def _whole(self, body: bytes) -> Response:
        (status, kind), content = await self._model.complete.remote(body)
        return Response(content, status, media_type=kind)

    async def _streamed(self, body: bytes) -> Response:
        pieces = self._streaming.stream.remote(body)
        status, kind = await anext(pieces)
        first = await anext(pieces, b"")

        async def rest() -> AsyncIterator[bytes]:
            yield first
            try:
                async for piece in pieces:
                    yield piece
            except _REPLICA_GONE:
                yield b"data: " + _problem("the replica died before its answer was whole", "server_error") + b"\n\n"

        return StreamingResponse(rest(), status, media_type=kind)


def application(arguments: Arguments) -> serve.Application:
    """What `import_path` names."""
    model = serve.deployment(LlamaCpp).bind(arguments)
    return serve.deployment(Ingress).bind(model, served_name(arguments))
