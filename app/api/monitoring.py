"""`/healthz`, `/readyz` and `/metrics`."""

from fastapi import APIRouter, Request, Response
from prometheus_client import exposition

from app import __version__
from app.api.monitoring_schemas import Health, Ready
from app.api.record import record_of
from app.api.service import service_of

router = APIRouter(tags=["monitoring"])


@router.get("/healthz")
@router.head("/healthz", include_in_schema=False)
async def healthz() -> Health:
    """The process is running."""
    return Health(version=__version__)


@router.get("/readyz", responses={503: {"model": Ready, "description": "The engine can't serve the default model"}})
@router.head("/readyz", include_in_schema=False)
async def readyz(request: Request, response: Response) -> Ready:
    """The engine answers and has the default model, and the service is not shutting down."""
    service = service_of(request)
    engine = service.engine
    status = await engine.status()
    problem = "the service is shutting down" if service.drain.has_begun else status.problem
    if problem:
        response.status_code = 503
        record_of(request).outcome = "not_ready"
    return Ready(
        ready=problem is None,
        engine=engine.name,
        engine_url=engine.url,
        engine_version=status.version,
        model=engine.default_model,
        loaded=status.has_loaded(engine.default_model),
        num_ctx=status.num_ctx(engine.default_model, engine.num_ctx),
        gpu_ratio=status.gpu_ratio(engine.default_model),
        problem=problem,
        warning="; ".join(filter(None, (status.warning, service.warning_of(engine.default_model)))) or None,
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus exposition"}},
)
@router.head("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Latency, throughput, queue, tokens, facts and costs in Prometheus exposition format."""
    encode, content_type = exposition.choose_encoder(request.headers.get("accept", ""))
    return Response(encode(service_of(request).metrics.registry), headers={"Content-Type": content_type})
