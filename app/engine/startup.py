"""Choose the engine at start-up, start it where it is ours, and keep an eye on it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from app.engine.embedded import EmbeddedConfig, EmbeddedEngine
from app.engine.engine import STATUS_TIMEOUT_S, Engine, EngineName, EngineObserver, EngineStatus
from app.engine.errors import EngineError
from app.engine.gate import Gate, GateObserver
from app.engine.limiter import FIRST, MOST, ConcurrencyLimit
from app.engine.model_file import default_model_path, model_name
from app.engine.ollama import OllamaClient
from app.engine.retries import RetryPolicy
from app.settings import Settings

logger = logging.getLogger("condenser.engine")

WATCH_INTERVAL_S = 15.0


class Observer(EngineObserver, GateObserver, Protocol):
    """What the engine and its gate tell of themselves to."""


async def choose_engine(settings: Settings) -> EngineName:
    """The engine to run on: what is set, or for `auto` Ollama where it answers now, else the embedded one."""
    if settings.engine != "auto":
        return settings.engine
    async with _client(settings, settings.ollama_url) as client:
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                version = await client.version()
        except (EngineError, TimeoutError) as error:
            logger.warning(
                "no Ollama answers: taking the embedded engine",
                extra={"ollama_url": settings.ollama_url, "reason": str(error) or "no answer in time"},
            )
            return "embedded"
    logger.info("Ollama answers: taking it", extra={"ollama_url": settings.ollama_url, "version": version})
    return "ollama"


@asynccontextmanager
async def open_engine(settings: Settings, name: EngineName, observer: Observer) -> AsyncIterator[Engine]:
    """The engine `name`, running for the block; the embedded one's process is started and stopped with it."""
    policy = RetryPolicy(settings.engine_retries)
    if name == "ollama":
        async with _client(settings, settings.ollama_url) as client:
            limit = ConcurrencyLimit() if settings.max_concurrency == "auto" else None
            gate = _gate(settings, FIRST if settings.max_concurrency == "auto" else settings.max_concurrency, observer)
            yield Engine(name, client, gate, settings.model, observer, retry_policy=policy, limit=limit)
        return
    config = embedded_config(settings)
    async with EmbeddedEngine(config) as embedded, _client(settings, embedded.base_url) as client:
        gate = _gate(settings, config.num_parallel, observer)
        yield Engine(name, client, gate, config.name, observer, lambda: embedded.last_error, policy)


def embedded_config(settings: Settings) -> EmbeddedConfig:
    """How the embedded engine is to run by these settings. Raises FileNotFoundError where its model is missing."""
    path = settings.embedded_model or default_model_path(settings.cache_dir)
    if not path.is_file():
        raise FileNotFoundError(f"the embedded model is not at {path}; put it there with: condenser fetch-model")
    return EmbeddedConfig(
        model=path,
        name=model_name(path),
        num_ctx=settings.num_ctx,
        num_parallel=settings.embedded_num_parallel,
        threads=settings.embedded_threads,
    )


def _client(settings: Settings, url: str) -> OllamaClient:
    return OllamaClient(url, num_ctx=settings.num_ctx, keep_alive=settings.keep_alive, seed=settings.seed)


def _gate(settings: Settings, max_concurrency: int, observer: GateObserver) -> Gate:
    most = MOST if settings.max_concurrency == "auto" and settings.engine != "embedded" else max_concurrency
    return Gate(max_concurrency, settings.max_queue, settings.queue_timeout_s, observer, most_concurrency=most)


class StatusObserver(Protocol):
    """Is told what the engine says of itself."""

    def engine_checked(self, status: EngineStatus) -> None: ...


async def watch(engine: Engine, observer: StatusObserver) -> None:
    """Check the engine every WATCH_INTERVAL_S seconds, for ever."""
    while True:
        observer.engine_checked(await engine.status())
        await asyncio.sleep(WATCH_INTERVAL_S)
