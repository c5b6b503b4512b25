"""The application: assembles its parts, starts and stops them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app import __version__
from app.api import batch, history, jobs, models, monitoring, openapi, page, problems, proxy, routes, status
from app.api.access import AccessMiddleware
from app.api.clients import Client
from app.api.forwarded import ForwardedMiddleware
from app.api.mcp import MCP_HEADERS, McpEndpoint
from app.api.observe import RecordMiddleware
from app.api.pending import PendingBytes
from app.api.service import Service
from app.api.traces import TraceMiddleware
from app.compression.cache import SharedCompressor
from app.compression.compressor import Compressor
from app.compression.reconstructor import Reconstructor
from app.compression.summarizer import Summarizer
from app.engine.engine import CallOptions, Engine
from app.engine.errors import EngineError
from app.engine.startup import choose_engine, open_engine, watch
from app.settings import Settings, load_settings
from app.shared_memory import Memory
from app.telemetry.cost import Prices
from app.telemetry.metrics import Metrics
from app.telemetry.shared import PUBLISH_INTERVAL_S
from app.tracing import is_enabled, tracing
from app.workers.worker import Worker

logger = logging.getLogger("condenser")

_WARM_UP_LIMIT_S = 900.0
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0


def create_app(
    settings: Settings | None = None,
    on_engine_taken: Callable[[Engine], None] = lambda engine: None,
    worker: Worker | None = None,
) -> FastAPI:
    """The ASGI application with these settings, or those of the environment, as one of several workers or alone.

    The engine is chosen and started with the application; `on_engine_taken` is called with it then. Raises
    SettingsError for an invalid setting.
    """
    settings = settings or load_settings()
    worker = worker or Worker()
    memory = worker.memory
    prices = Prices(
        settings.cloud_usd_per_1k_prompt_tokens,
        settings.cloud_usd_per_1k_completion_tokens,
        settings.local_usd_per_hour,
        settings.local_watts,
        settings.local_usd_per_kwh,
        settings.reader_usd_per_1k_tokens,
    )
    if not prices.cloud_per_1k_prompt_tokens and not prices.cloud_per_1k_completion_tokens:
        logger.warning("both cloud prices are 0, so savings are reported as 0")
    metrics = Metrics(prices, worker.files)
    is_traced = is_enabled()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        name = await choose_engine(settings)
        traces = tracing(__version__) if is_traced else nullcontext()
        async with traces, open_engine(settings, name, metrics, memory, worker.embedded_at) as engine:
            metrics.watch_engine(engine)
            summarizer = Summarizer(engine, settings.min_support, settings.engine_check, metrics)
            compressor = Compressor(engine, summarizer)
            reconstructor = Reconstructor(summarizer, settings.max_text_bytes)
            clients = _clients(settings, engine, memory)
            metrics.expect_clients(clients)
            pending = PendingBytes(
                settings.max_pending_bytes, lambda: engine.queue.retry_after_s("interactive"), memory
            )
            cache_bytes = settings.cache_bytes // memory.workers
            shared = SharedCompressor(compressor.compress, cache_bytes, settings.cache_ttl_s, metrics)
            metrics.watch_cache(shared)
            service = Service(
                settings,
                engine,
                summarizer,
                shared,
                reconstructor,
                metrics,
                prices,
                clients,
                pending,
                jobs.create_jobs(settings, engine, metrics, memory.workers),
            )
            app.state.service = service
            on_engine_taken(engine)
            background = [asyncio.create_task(watch(engine, metrics))]
            if memory.index == 0:
                background.append(asyncio.create_task(_warm_up(engine, compressor)))
            if worker.files is not None:
                background.append(asyncio.create_task(_publish(metrics)))
            try:
                with memory.listening():
                    async with jobs.working(service):
                        yield
            finally:
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
                await mcp.aclose()
                if forwarder is not None:
                    await forwarder.aclose()
                await summarizer.aclose()

    app = FastAPI(
        title="Condenser",
        version=__version__,
        description="Text compression in whole, checked sentences, with byte-exact reconstruction, in front of Ollama.",
        lifespan=lifespan,
        openapi_tags=openapi.TAGS,
        generate_unique_id_function=openapi.operation_id,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    problems.install(app)
    app.include_router(routes.router)
    app.include_router(batch.router)
    app.include_router(jobs.router)
    app.include_router(monitoring.router)
    app.include_router(status.router)
    app.include_router(history.router)
    app.include_router(models.router)
    page.install(app)
    mcp = McpEndpoint(app, settings)
    forwarder = None if settings.proxy_url is None else proxy.install(app, settings, settings.proxy_url)
    openapi.install(app, settings)
    # The last middleware added is the outermost, so that every answer is logged and has CORS headers.
    app.add_middleware(AccessMiddleware, settings=settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("DELETE", "GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "Prefer", "X-API-Key", "X-Request-ID", *MCP_HEADERS),
            expose_headers=(
                "Location",
                "Preference-Applied",
                "Retry-After",
                "X-Condenser-Saved-Tokens",
                "X-Request-ID",
            ),
        )
    app.add_middleware(RecordMiddleware, metrics=metrics)
    if is_traced:
        app.add_middleware(TraceMiddleware)
    app.add_middleware(ForwardedMiddleware, root_path=settings.root_path, trusted_proxies=settings.trusted_proxies)
    return app


def _clients(settings: Settings, engine: Engine, memory: Memory) -> dict[str, Client]:
    queue = engine.queue
    places = queue.most_concurrency + queue.max_queue
    names = [key.name for key in settings.api_keys]
    return {
        name: Client(name, settings.limits_of(name), places, lambda: queue.retry_after_s("interactive"), memory)
        for name in names
    }


async def _publish(metrics: Metrics) -> None:
    """Publish this worker's counts to the other workers once a second, forever."""
    while True:
        metrics.publish()
        await asyncio.sleep(PUBLISH_INTERVAL_S)


async def _warm_up(engine: Engine, compressor: Compressor) -> None:
    """Load the model before the first request; retried until the engine is up and has the model."""
    loop = asyncio.get_running_loop()
    retry_s = _FIRST_RETRY_S
    while True:
        started = loop.time()
        try:
            await compressor.warm_up(CallOptions(engine.default_model, started + _WARM_UP_LIMIT_S, "batch"))
        except EngineError as error:
            logger.warning("the model is not loaded yet", extra={"reason": str(error), "retry_s": retry_s})
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
        else:
            logger.info(
                "model loaded", extra={"model": engine.default_model, "seconds": round(loop.time() - started, 2)}
            )
            return
