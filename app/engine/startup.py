"""Chooses the engine at start-up, starts the embedded one, and checks the engine regularly."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, Protocol

from app.engine.client import EngineClient, EngineName
from app.engine.embedded import EmbeddedAddress, EmbeddedConfig, EmbeddedEngine
from app.engine.engine import Engine, EngineObserver
from app.engine.errors import EngineError
from app.engine.health import STATUS_TIMEOUT_S
from app.engine.http import without_userinfo
from app.engine.limiter import FIRST, MOST, ConcurrencyLimit
from app.engine.model_file import default_model_path, model_name
from app.engine.ollama import OllamaClient
from app.engine.openai import OpenAIClient
from app.engine.queue import EngineQueue, QueueObserver
from app.engine.retries import RetryPolicy
from app.engine.status import EngineStatus
from app.engine.upstreams import Upstream, Upstreams
from app.settings import Settings
from app.shared_memory import Memory

logger = logging.getLogger("condenser.engine")

LOAD_LIMIT_S = 900.0  # enough for the largest models from a slow disk
WATCH_INTERVAL_S = 15.0
SEVERAL_WATCH_INTERVAL_S = 2.0
"""Shorter if there are several servers, since another one can take over."""


class Observer(EngineObserver, QueueObserver, Protocol):
    """Notified by the engine and its queue."""


async def choose_engine(settings: Settings) -> EngineName:
    """The engine that is set; for `auto`, Ollama if it answers now, else the embedded one."""
    if settings.engine != "auto":
        return settings.engine
    versions = await asyncio.gather(*(_version(settings, url) for url in settings.upstream_urls))
    urls = ",".join(map(without_userinfo, settings.upstream_urls))
    if not any(versions):
        logger.warning("Ollama does not answer; using the embedded engine", extra={"ollama_url": urls})
        return "embedded"
    logger.info("Ollama answers; using it", extra={"ollama_url": urls, "version": next(filter(None, versions))})
    return "ollama"


async def _version(settings: Settings, url: str) -> str | None:
    async with _client(settings, url) as client:
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                return await client.version()
        except (EngineError, TimeoutError) as error:
            logger.warning(
                "no Ollama here", extra={"ollama_url": client.base_url, "reason": str(error) or "no answer in time"}
            )
            return None


@asynccontextmanager
async def open_engine(
    settings: Settings,
    name: EngineName,
    observer: Observer,
    memory: Memory | None = None,
    embedded_at: EmbeddedAddress | None = None,
) -> AsyncIterator[Engine]:
    """The engine `name`, running for the block.

    The embedded engine's process starts and stops with the block, unless it runs at `embedded_at` already.
    """
    policy = RetryPolicy(settings.engine_retries)
    async with AsyncExitStack() as stack:
        if name != "embedded":
            clients = _clients(settings, name)
            for client in clients:
                stack.push_async_callback(client.aclose)
            upstreams = Upstreams([_upstream(client, settings.max_concurrency, memory) for client in clients])
            most = len(clients) * (MOST if settings.max_concurrency == "auto" else settings.max_concurrency)
            queue = EngineQueue(
                upstreams.slots,
                settings.max_queue,
                settings.queue_timeout_s,
                observer,
                most_concurrency=most,
                memory=memory,
            )
            yield Engine(name, upstreams, queue, settings.model, observer, retry_policy=policy)
            return
        config = embedded_config(settings)
        running: EmbeddedAddress | EmbeddedEngine = (
            embedded_at if embedded_at is not None else await stack.enter_async_context(EmbeddedEngine(config))
        )
        own = await stack.enter_async_context(_client(settings, running.base_url))
        queue = EngineQueue(config.num_parallel, settings.max_queue, settings.queue_timeout_s, observer, memory=memory)
        upstreams = Upstreams([Upstream(own, config.num_parallel, memory=memory)])
        yield Engine(name, upstreams, queue, config.name, observer, lambda: running.last_error, policy)


def embedded_config(settings: Settings) -> EmbeddedConfig:
    """The embedded engine's configuration from the settings. Raises FileNotFoundError if its model is missing."""
    path = settings.embedded_model or default_model_path(settings.cache_dir)
    if not path.is_file():
        raise FileNotFoundError(f"there is no embedded model at {path}; fetch it with: condenser fetch-model")
    return EmbeddedConfig(
        model=path,
        name=model_name(path),
        num_ctx=settings.num_ctx,
        num_parallel=settings.embedded_num_parallel,
        threads=settings.embedded_threads,
    )


def _client(settings: Settings, url: str) -> OllamaClient:
    return OllamaClient(url, num_ctx=settings.num_ctx, keep_alive=settings.keep_alive, seed=settings.seed)


def _clients(settings: Settings, name: EngineName) -> list[EngineClient]:
    if name == "openai" and settings.openai_url is not None:
        key = settings.openai_api_key
        return [OpenAIClient(settings.openai_url, num_ctx=settings.num_ctx, seed=settings.seed, api_key=key)]
    return [_client(settings, url) for url in settings.upstream_urls]


def _upstream(client: EngineClient, max_concurrency: int | Literal["auto"], memory: Memory | None) -> Upstream:
    if max_concurrency == "auto":
        return Upstream(client, FIRST, ConcurrencyLimit(memory), memory)
    return Upstream(client, max_concurrency, memory=memory)


class StatusObserver(Protocol):
    """Notified of the engine's status."""

    def engine_checked(self, status: EngineStatus) -> None: ...


async def watch(engine: Engine, observer: StatusObserver) -> None:
    """Check the engine every WATCH_INTERVAL_S seconds, forever; every SEVERAL_WATCH_INTERVAL_S if there are several
    servers.

    A server that is back after it was down gets the default model loaded.
    """
    interval_s = WATCH_INTERVAL_S if len(engine.upstreams.all) == 1 else SEVERAL_WATCH_INTERVAL_S
    async with asyncio.TaskGroup() as loading:
        while True:
            returned: list[Upstream] = []
            observer.engine_checked(await engine.check(returned.append))
            for upstream in returned:
                loading.create_task(_load(engine, upstream))
            await asyncio.sleep(interval_s)


async def _load(engine: Engine, upstream: Upstream) -> None:
    try:
        await engine.load(upstream, asyncio.get_running_loop().time() + LOAD_LIMIT_S)
    except EngineError as error:
        logger.warning(
            "the model is not loaded yet", extra={"engine_url": upstream.client.base_url, "reason": str(error)}
        )
