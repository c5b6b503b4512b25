"""Traces: what a collector that speaks OTLP gets, and what it does not."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.telemetry.logs import logger
from app.tracing import is_enabled
from tests.unit.service import SUMMARY, TEXT, Upstream, answer, is_warm_up, ollama, running, warmed_up

pytestmark = pytest.mark.anyio

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector:
    """What has come to an OTLP receiver."""

    def __init__(self) -> None:
        self.exports: list[ExportTraceServiceRequest] = []
        self.paths: list[str] = []

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order of their ends."""
        return [
            span
            for export in self.exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def trace(self) -> list[Span]:
        """The spans of the trace that the tests send."""
        return [span for span in self.spans if span.trace_id.hex() == TRACE_ID]


@contextmanager
def receiver() -> Iterator[tuple[str, Collector]]:
    """An OTLP receiver over HTTP and protobuf, at the address that is given."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            export = ExportTraceServiceRequest()
            export.ParseFromString(body)
            collector.exports.append(export)
            collector.paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", collector
        server.shutdown()


@asynccontextmanager
async def traced(
    monkeypatch: pytest.MonkeyPatch, chat: Any = None, **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Collector, Upstream]]:
    """A service that exports its traces to the collector; all of them are there after the block."""
    with receiver() as (url, collector):
        monkeypatch.setenv(ENDPOINT, url)
        with ollama(chat or httpx.Response(200, json=answer(SUMMARY))) as upstream:
            async with running(**settings) as client:
                await warmed_up()
                client.headers["traceparent"] = TRACEPARENT
                yield client, collector, upstream


def attributes(span: Span) -> dict[str, Any]:
    attributes = {}
    for attribute in span.attributes:
        attributes[attribute.key] = getattr(attribute.value, str(attribute.value.WhichOneof("value")))
    return attributes


async def test_a_request_is_a_trace_of_its_work_under_the_callers_span(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as (client, collector, _):
        await client.post("/compress", json={"text": TEXT})
    assert set(collector.paths) == {"/v1/traces"}
    (request,) = collector.named("POST /compress")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert request.kind == Span.SPAN_KIND_SERVER
    children = {span.name: span for span in collector.trace() if span is not request}
    assert children.keys() == {"read text", "queue wait", "chat", "compose result"}
    assert children["chat"].kind == Span.SPAN_KIND_CLIENT
    assert {span.parent_span_id for span in children.values()} == {request.span_id}


async def test_spans_tell_of_the_request_and_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch, httpx.Response(200, json=answer(SUMMARY, 120, 12))) as (client, collector, _):
        await client.post("/compress", json={"text": TEXT})
    request = attributes(*collector.named("POST /compress"))
    assert (request["http.route"], request["http.response.status_code"]) == ("/compress", 200)
    assert (request["condenser.outcome"], request["condenser.served_from"]) == ("ok", "engine")
    (chat,) = [attributes(span) for span in collector.named("chat") if span.trace_id.hex() == TRACE_ID]
    assert chat["gen_ai.request.model"] == "qwen2.5:7b-instruct"
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (120, 12)


async def test_ollama_gets_the_span_of_its_call_as_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as (client, collector, upstream):
        await client.post("/compress", json={"text": TEXT})
        (sent,) = [
            call.request.headers["traceparent"]
            for call in upstream.calls
            if call.request.url.path == "/api/chat" and not is_warm_up(call.request)
        ]
    (chat,) = [span for span in collector.named("chat") if span.trace_id.hex() == TRACE_ID]
    assert sent == f"00-{TRACE_ID}-{chat.span_id.hex()}-01"


async def test_trying_the_model_as_a_judge_is_no_part_of_the_request_that_came_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = asyncio.Event()

    async def chat(request: httpx.Request) -> httpx.Response:
        if "logprobs" in json.loads(request.content):
            tried.set()
        return httpx.Response(200, json=answer(SUMMARY))

    async with traced(monkeypatch, chat, engine_check="auto") as (client, collector, _):
        await client.post("/compress", json={"text": TEXT})
        await tried.wait()
    (call,) = [span for span in collector.trace() if span.name == "chat"]
    assert attributes(call)["gen_ai.request.max_tokens"] > 1


async def test_each_item_of_a_batch_is_a_span_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as (client, collector, _):
        body = {"operation": "compress", "items": [{"text": TEXT}, {"text": "A short one."}]}
        await client.post("/batch", json=body)
    (batch,) = collector.named("POST /batch")
    items = collector.named("compress item")
    assert [item.parent_span_id for item in items] == [batch.span_id, batch.span_id]


async def test_no_span_has_a_text_or_the_message_of_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    error = httpx.Response(500, json={"error": "the ferry to Tallinn sank"})
    async with traced(monkeypatch, error) as (client, collector, _):
        await client.post("/compress", json={"text": TEXT, "question": "When does the ferry leave?"})
        await client.post("/compress", json={"text": TEXT, "must_keep": ["no such literal"]})
        await client.post("/ferry/harbour")
    (failed,) = [span for span in collector.trace() if span.name == "chat"]
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed)["error.type"] == "failed"
    exported = "".join(map(str, collector.exports))
    assert not [word for word in ("ferry", "Tallinn", "literal", "harbour") if word in exported]


async def test_the_log_line_of_a_request_has_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []

    class Lines(logging.StreamHandler[Any]):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(self.format(record)))

    monkeypatch.setattr(logging, "StreamHandler", Lines)
    before = logging.getLogger().handlers[:]
    from app.telemetry.logs import configure_logs

    try:
        configure_logs("INFO")
        async with traced(monkeypatch) as (client, _, _):
            await client.post("/compress", json={"text": "A short one."})
    finally:
        logging.basicConfig(handlers=before, force=True)
        logger.setLevel(logging.NOTSET)
    (line,) = [line for line in lines if line["message"] == "request"]
    assert line["trace_id"] == TRACE_ID


async def test_what_monitors_ask_for_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as (client, collector, _):
        for path in ("/healthz", "/readyz", "/metrics", "/status"):
            await client.get(path)
    assert collector.trace() == []


async def test_a_collector_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            assert (await client.post("/compress", json={"text": TEXT})).status_code == 200


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({ENDPOINT: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
        ({ENDPOINT: "http://collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_traces_are_on_where_the_standard_variables_name_a_collector(environment: dict[str, str], wanted: bool) -> None:
    assert is_enabled(environment) == wanted


async def test_where_traces_are_off_no_header_is_sent_and_the_sdk_is_not_imported() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as upstream:
        async with running() as client:
            await client.post("/compress", json={"text": TEXT}, headers={"traceparent": TRACEPARENT})
    assert not [call for call in upstream.calls if "traceparent" in call.request.headers]
    program = "import sys, app.cli, app.main; app.main.create_app(); print([n for n in sys.modules if n.startswith('opentelemetry.sdk')])"
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
