"""OpenTelemetry traces: spans of requests, their waits, engine calls and the work on their texts.

Off, and nothing of the SDK imported, unless the environment names an OTLP endpoint. The SDK reads its own variables
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). No span contains a text of a
request or an answer, nor the message of an error, which may quote one.
"""

import asyncio
import functools
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int | float | bool]
ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_FLUSH_LIMIT_MS = 2000

logger = logging.getLogger("condenser")

_tracer: "Tracer | None" = None
_NO_SPAN: AbstractContextManager[None] = nullcontext()


def is_enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether traces are exported: an OTLP endpoint is set, or `OTEL_TRACES_EXPORTER=otlp`."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_disabled or exporter not in ("", "otlp"):
        return False
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    has_endpoint = exporter == "otlp" or any(environment.get(name) for name in _ENDPOINTS)
    if has_endpoint and protocol != "http/protobuf":
        logger.warning("no traces: only OTLP over http/protobuf is exported", extra={"protocol": protocol})
        return False
    return has_endpoint


@asynccontextmanager
async def tracing(version: str) -> AsyncIterator[None]:
    """Export the spans of the block; the last ones are sent at its end. `version` is the service's own."""
    global _tracer
    provider = _provider(version)
    _tracer = provider.get_tracer("condenser", version)
    try:
        yield
    finally:
        _tracer = None
        await asyncio.to_thread(_shut_down, provider)


def _provider(version: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_VERSION: version})
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "condenser"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _shut_down(provider: "TracerProvider") -> None:
    provider.force_flush(_FLUSH_LIMIT_MS)
    provider.shutdown()


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: Literal["internal", "server", "client"] = "internal",
    headers: Mapping[str, str] | None = None,
) -> "AbstractContextManager[Span | None]":
    """A span around a block; yields None if traces are off.

    `headers` are those of a request that may name its parent (`traceparent`); without them the current span is the
    parent. If an error ends the block, the span records its type.
    """
    if _tracer is None:
        return _NO_SPAN
    return _started(_tracer, name, attributes or {}, kind, headers)


@contextmanager
def _started(
    tracer: "Tracer", name: str, attributes: Attributes, kind: str, headers: Mapping[str, str] | None
) -> "Iterator[Span]":
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None if headers is None else TraceContextTextMapPropagator().extract(headers)
    with tracer.start_as_current_span(
        name,
        context,
        SpanKind[kind.upper()],
        attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", getattr(error, "kind", type(error).__name__))
            current.set_status(StatusCode.ERROR)
            raise


def traced(name: str) -> Callable[[Callable[ParamsT, ResultT]], Callable[ParamsT, ResultT]]:
    """Decorator that runs a function within a span of this name."""

    def decorate(function: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
        @functools.wraps(function)
        def within(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
            if _tracer is None:
                return function(*args, **kwargs)
            with span(name):
                return function(*args, **kwargs)

        return within

    return decorate


def outgoing_headers() -> dict[str, str]:
    """`traceparent` and `tracestate` for a request to another service; empty if traces are off."""
    headers: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)
    return headers


def trace_id() -> str | None:
    """Id of the current trace, 32 hexadecimal digits; None if there is none."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
