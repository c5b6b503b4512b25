"""The model at an engine's address, for benchmarks with their own prompts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from app.engine.client import Completion, EngineName, Prompt
from app.engine.engine import CallOptions, Engine
from app.engine.startup import open_engine
from app.settings import load_settings

CALL_LIMIT_S = 900.0
NUM_CTX = 8192


class _NoObserver:
    """Ignores all calls."""

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None: ...

    def call_retried(self, reason: object) -> None: ...

    def model_loaded(self, model: str) -> None: ...

    def wait_ended(self, outcome: object, waited_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model of `engine`, called in the same way as by the service."""

    engine: Engine
    name: str

    def call_options(self) -> CallOptions:
        """The options of a call that starts now."""
        return CallOptions(self.name, asyncio.get_running_loop().time() + CALL_LIMIT_S)

    async def complete(self, prompt: Prompt, *, num_predict: int, top_logprobs: int = 0) -> Completion:
        """The completion of `prompt`. Raises EngineError."""
        call = await self.engine.complete(
            prompt, num_predict=num_predict, call_options=self.call_options(), top_logprobs=top_logprobs
        )
        return call.completion


@asynccontextmanager
async def open_model(url: str, name: str | None = None, num_ctx: int = NUM_CTX) -> AsyncIterator[Model]:
    """The model `name`, by default the first, of the Ollama or the OpenAI API at `url`; one call at a time."""
    kind: EngineName = "ollama" if await is_ollama(url) else "openai"
    address = url.rstrip("/").removesuffix("/v1")
    settings = load_settings(
        engine=kind,
        ollama_url=address,
        openai_url=f"{address}/v1",
        max_concurrency=1,
        num_ctx=num_ctx,
        model=name,
    )
    async with open_engine(settings, kind, _NoObserver()) as engine:
        installed = await engine.upstreams.all[0].client.installed_models()
        if not installed:
            raise SystemExit(f"{url} has no model")
        yield Model(engine, name or installed[0])


async def is_ollama(url: str) -> bool:
    """Whether the server is Ollama; an OpenAI API does not have this path."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = await client.get(f"{url.rstrip('/').removesuffix('/v1')}/api/version")
    return answer.status_code == 200 and "version" in answer.json()
