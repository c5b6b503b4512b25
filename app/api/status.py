"""`/status`: the figures of the status page, for any client."""

import math

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry

from app import __version__
from app.api.monitoring_schemas import (
    EngineState,
    ModelState,
    OperationFigures,
    Quantiles,
    QueueState,
    ReaderSavings,
    SavingsFigures,
    Status,
    UpstreamState,
)
from app.api.service import Service, service_of
from app.engine.engine import Engine
from app.engine.status import EngineStatus
from app.telemetry.metrics import OPERATIONS, Operation

router = APIRouter(tags=["monitoring"])


@router.get("/status")
@router.head("/status", include_in_schema=False)
async def status(request: Request) -> Status:
    """Engine, model, queue, and the throughput, latency and savings of the last minute."""
    service = service_of(request)
    engine_status = await service.engine.status()
    figures = Figures(service.metrics.registry)
    return Status(
        version=__version__,
        workers=int(figures.value("workers")),
        engine=_engine(service.engine, engine_status),
        model=_model(service, engine_status),
        queue=_queue(figures),
        operations={operation: _operation(figures, operation) for operation in OPERATIONS},
        savings=_savings(figures),
    )


class Figures:
    """The figures of a registry, read once: each lookup in the registry itself would compute all of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for metric in registry.collect()
            if metric.type in ("gauge", "summary") or metric.name.startswith("condenser_reader_")
            for sample in metric.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The sample `condenser_name` with these labels. Raises KeyError if there is none."""
        return self._values[f"condenser_{name}", frozenset(labels.items())]


def _engine(engine: Engine, status: EngineStatus) -> EngineState:
    return EngineState(
        name=engine.name,
        url=engine.url,
        version=status.version,
        up=status.version is not None,
        problem=status.problem,
        warning=status.warning,
        upstreams=[
            UpstreamState(
                url=state.url,
                version=state.version,
                loaded=state.has_loaded(engine.default_model),
                in_flight=upstream.in_flight,
                slots=upstream.slots,
                problem=state.problem,
                warning=state.warning,
            )
            for upstream, state in zip(engine.upstreams.all, status.upstreams, strict=True)
        ],
    )


def _model(service: Service, status: EngineStatus) -> ModelState:
    name = service.engine.default_model
    return ModelState(
        name=name,
        loaded=status.has_loaded(name),
        num_ctx=status.num_ctx(name, service.engine.num_ctx),
        gpu_ratio=status.gpu_ratio(name),
        warning=service.warning_of(name),
    )


def _queue(figures: Figures) -> QueueState:
    return QueueState(
        in_flight=int(figures.value("in_flight")),
        concurrency_limit=int(figures.value("concurrency_limit")),
        depth=int(figures.value("queue_depth")),
        capacity=int(figures.value("queue_capacity")),
    )


def _savings(figures: Figures) -> SavingsFigures:
    ratio = figures.value("cost_savings_ratio")
    return SavingsFigures(
        ratio=None if math.isnan(ratio) else round(ratio, 4),
        usd=round(figures.value("cost_savings_dollars"), 9),
        reader=ReaderSavings(
            tokens=int(figures.value("reader_savings_tokens")), usd=round(figures.value("reader_savings_dollars"), 9)
        ),
        reader_since_start=ReaderSavings(
            tokens=int(figures.value("reader_tokens_saved_total")),
            usd=round(figures.value("reader_dollars_saved_total"), 9),
        ),
    )


def _operation(figures: Figures, operation: Operation) -> OperationFigures:
    per_minute = figures.value("throughput_operations_per_minute", operation=operation)
    if not per_minute:
        return OperationFigures(per_minute=0, latency_s=None)

    def latency(quantile: str) -> float:
        return round(figures.value("latency_seconds", operation=operation, quantile=quantile), 6)

    return OperationFigures(
        per_minute=per_minute,
        latency_s=Quantiles(p50=latency("0.5"), p95=latency("0.95"), p99=latency("0.99")),
    )
