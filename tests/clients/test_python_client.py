"""The Python client: against a running service, and against answers that respx gives."""

import asyncio
import inspect
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import httpx
import pytest
import respx
from pydantic import BaseModel

import condenser_client
from app.api import batch_schemas, job_schemas, message_examples, message_schemas, monitoring_schemas, schemas
from app.api.examples import CAPSULE, COMPRESSED, TEXT
from app.capsule import format as capsule_format
from condenser_client import (
    AsyncCondenser,
    Condenser,
    CondenserError,
    Excerpt,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
    models,
    status,
)
from tests.clients.conftest import KEY
from tests.security.serving import Served

URL = "http://condenser.test"
BUSY = {"type": "urn:condenser:problem:queue_full", "title": "The queue is full", "status": 503, "detail": "1 waits"}


def busy(**headers: str) -> httpx.Response:
    return httpx.Response(503, json=BUSY, headers=headers)


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    """What answers at URL."""
    with respx.mock(base_url=URL) as router:
        yield router


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would have waited."""
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(asyncio, "sleep", note)
    return waited


def events(*parts: tuple[str, Any]) -> bytes:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in parts).encode()


# Against a service


def test_a_text_is_compressed_and_comes_back(service: Served) -> None:
    with Condenser(service.url) as condenser:
        short = condenser.compress(TEXT, target_ratio=0.4, method="extractive", must_keep=("4,300",))
        back = condenser.reconstruct(short.capsule)
    assert "4,300" in short.compressed
    assert short.sizes.compressed_tokens < short.sizes.source_tokens
    assert (back.text, back.verified) == (TEXT, True)


def test_a_capsule_may_be_given_as_it_was_kept(service: Served) -> None:
    with Condenser(service.url) as condenser:
        short = condenser.compress(TEXT, method="extractive")
        kept = [short, short.model_dump(), json.loads(short.capsule.model_dump_json())]
        assert [condenser.reconstruct(capsule).text for capsule in kept] == [TEXT] * 3


def test_a_stream_of_a_running_service_ends_with_what_a_plain_call_answers(service: Served) -> None:
    with Condenser(service.url) as condenser:
        *excerpts, result = condenser.stream(TEXT, method="extractive", target_ratio=0.4)
        plain = condenser.compress(TEXT, method="extractive", target_ratio=0.4)
    assert isinstance(result, models.CompressResult)
    assert result.compressed == plain.compressed
    assert all(isinstance(excerpt, Excerpt) and excerpt.text in plain.compressed for excerpt in excerpts)


def test_a_batch_has_a_result_or_a_problem_for_each_item(service: Served) -> None:
    with Condenser(service.url) as condenser:
        done = condenser.batch([TEXT, {"text": TEXT, "must_keep": ["zzz"]}], method="extractive")
        ready = sorted(condenser.batch_as_ready([TEXT, "Short."], method="extractive"), key=lambda item: item.index)
    first, second = done.results
    assert first.result is not None
    assert second.problem is not None
    assert "zzz" in second.problem.detail
    assert [item.result.method for item in ready if item.result] == [first.result.method, "verbatim"]


def test_a_batch_can_be_left_with_the_service(service: Served) -> None:
    with Condenser(service.url) as condenser:
        job = condenser.submit([TEXT, "Short."], method="extractive")
        page = condenser.job(job.id)
        while not page.is_over:
            page = condenser.job(job.id)
        condenser.delete_job(job.id)
        with pytest.raises(ProblemError, match="There is no such batch"):
            condenser.job(job.id)
    assert sorted(item.index for item in page.results) == [0, 1]


def test_the_status_says_why_the_service_is_not_ready(service: Served) -> None:
    with Condenser(service.url) as condenser:
        assert condenser.status().engine.up is False
        ready = condenser.ready()
    assert ready.ready is False
    assert ready.problem


@pytest.mark.anyio
async def test_the_async_client_does_the_same(service: Served) -> None:
    async with AsyncCondenser(service.url) as condenser:
        shorts = await asyncio.gather(*(condenser.compress(TEXT, method="extractive") for _ in range(3)))
        back = await condenser.reconstruct(shorts[0])
        ready = [item.index async for item in condenser.batch_as_ready([TEXT, TEXT], method="extractive")]
    assert back.text == TEXT
    assert sorted(ready) == [0, 1]


def test_the_key_opens_a_service_that_wants_one(locked_service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Condenser(locked_service.url) as condenser, pytest.raises(ProblemError) as refused:
        condenser.status()
    assert (refused.value.status, refused.value.kind) == (401, "unauthorized")
    with Condenser(locked_service.url, api_key=KEY) as condenser:
        assert condenser.status().version
    monkeypatch.setenv("CONDENSER_URL", locked_service.url)
    monkeypatch.setenv("CONDENSER_API_KEY", KEY)
    with Condenser() as condenser:
        assert condenser.status().version


def test_a_problem_says_what_is_wrong(service: Served) -> None:
    with Condenser(service.url) as condenser, pytest.raises(ProblemError, match="must_keep: 'zzz'") as refused:
        condenser.compress(TEXT, must_keep=["zzz"])
    assert (refused.value.status, refused.value.kind) == (422, "invalid_request")
    assert refused.value.problem.request_id


# Answers that are none


def test_where_nothing_answers_it_is_unreachable() -> None:
    with Condenser("http://127.0.0.1:9") as condenser, pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9"):
        condenser.status()


@pytest.mark.parametrize("body", ["<html>hello</html>", "{}", '{"compressed": 1}'])
def test_what_is_no_condenser_is_reported_as_such(router: respx.MockRouter, body: str) -> None:
    router.post("/compress").respond(200, text=body)
    with Condenser(URL) as condenser, pytest.raises(UnexpectedAnswerError):
        condenser.compress(TEXT)


def test_a_proxys_own_error_has_its_status(router: respx.MockRouter) -> None:
    router.post("/compress").respond(502, text="<html>Bad Gateway</html>")
    with Condenser(URL) as condenser, pytest.raises(ProblemError, match="502") as refused:
        condenser.compress(TEXT)
    assert refused.value.status == 502


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "http://host:port"])
def test_an_invalid_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is not a valid address"):
        Condenser(url)


# Retries


def test_a_full_service_is_asked_again_when_it_says(router: respx.MockRouter, pauses: list[float]) -> None:
    router.post("/compress").mock(side_effect=[busy(**{"Retry-After": "7"}), httpx.Response(200, json=COMPRESSED)])
    with Condenser(URL) as condenser:
        assert condenser.compress(TEXT).compressed == COMPRESSED["compressed"]
    assert pauses == [7]


def test_retries_end(router: respx.MockRouter, pauses: list[float]) -> None:
    route = router.post("/compress").mock(return_value=busy(**{"Retry-After": "1"}))
    with Condenser(URL, max_retries=3) as condenser, pytest.raises(ProblemError) as refused:
        condenser.compress(TEXT)
    assert (route.call_count, refused.value.kind, refused.value.retry_after_s) == (4, "queue_full", 1)


def test_without_a_time_the_pauses_grow(router: respx.MockRouter, pauses: list[float]) -> None:
    router.post("/compress").mock(return_value=busy())
    with Condenser(URL) as condenser, pytest.raises(ProblemError):
        condenser.compress(TEXT)
    first, second = pauses
    assert 0 < first < second < 2


def test_a_wait_that_is_too_long_is_left_to_the_caller(router: respx.MockRouter, pauses: list[float]) -> None:
    route = router.post("/compress").mock(return_value=busy(**{"Retry-After": "31"}))
    with Condenser(URL, max_retry_wait_s=30) as condenser, pytest.raises(ProblemError):
        condenser.compress(TEXT)
    assert (route.call_count, pauses) == (1, [])


@pytest.mark.parametrize("status", [401, 404, 413, 422, 500, 502, 504])
def test_what_may_have_cost_a_call_is_not_sent_again(
    router: respx.MockRouter, pauses: list[float], status: int
) -> None:
    route = router.post("/compress").respond(status, json={**BUSY, "status": status})
    with Condenser(URL) as condenser, pytest.raises(ProblemError):
        condenser.compress(TEXT)
    assert route.call_count == 1


@pytest.mark.anyio
async def test_the_async_client_retries_too(router: respx.MockRouter, pauses: list[float]) -> None:
    done = httpx.Response(200, json={"results": [], "succeeded": 0, "failed": 0})
    router.post("/batch").mock(side_effect=[busy(**{"Retry-After": "2"}), done])
    async with AsyncCondenser(URL) as condenser:
        assert (await condenser.batch([])).results == []
    assert pauses == [2]


# Streams


EXCERPT = {"text": "Dogs must stay.", "by": "source", "source": [[0, 15]], "support": 1.0}


def test_a_stream_gives_excerpts_and_at_last_the_result(router: respx.MockRouter) -> None:
    stream = events(("passage", EXCERPT), ("sentence", {**EXCERPT, "by": "model"}), ("result", COMPRESSED))
    route = router.post("/compress").respond(200, content=b": a comment\n\n" + stream.replace(b"\n", b"\r\n"))
    with Condenser(URL) as condenser:
        *excerpts, result = condenser.stream(TEXT, method="auto")
    assert [excerpt.by for excerpt in excerpts if isinstance(excerpt, Excerpt)] == ["source", "model"]
    assert isinstance(result, models.CompressResult)
    assert route.calls.last.request.headers["accept"] == "text/event-stream"


def test_a_problem_in_a_stream_is_raised(router: respx.MockRouter) -> None:
    router.post("/compress").respond(200, content=events(("passage", EXCERPT), ("problem", BUSY)))
    with Condenser(URL) as condenser:
        stream = condenser.stream(TEXT)
        assert isinstance(next(stream), Excerpt)
        with pytest.raises(ProblemError, match="The queue is full"):
            next(stream)


def test_a_stream_that_is_cut_is_no_result(router: respx.MockRouter) -> None:
    router.post("/compress").respond(200, content=events(("passage", EXCERPT)))
    with Condenser(URL) as condenser, pytest.raises(UnreachableError, match="before the result"):
        list(condenser.stream(TEXT))


@pytest.mark.anyio
async def test_an_async_stream_ends_its_call_when_the_reader_leaves() -> None:
    class Body(httpx.AsyncByteStream):
        is_closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield events(("passage", EXCERPT))

        async def aclose(self) -> None:
            self.is_closed = True

    body = Body()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=body))
    async with httpx.AsyncClient(transport=transport) as http:
        stream = AsyncCondenser(URL, http_client=http).stream(TEXT)
        assert isinstance(await anext(stream), Excerpt)
        await stream.aclose()
    assert body.is_closed


def test_lines_end_at_line_feeds_only(router: respx.MockRouter) -> None:
    line = json.dumps({"index": 0, "problem": {**BUSY, "detail": "a\u2028b\x85c"}}, ensure_ascii=False)
    router.post("/batch").respond(200, content=(line + "\n").encode())
    with Condenser(URL) as condenser:
        (item,) = condenser.batch_as_ready([TEXT])
    assert item.problem is not None
    assert item.problem.detail == "a\u2028b\x85c"


def test_a_batch_that_is_cut_in_a_line_is_an_error(router: respx.MockRouter) -> None:
    router.post("/batch").respond(200, content=b'{"index": 0, "prob')
    with Condenser(URL) as condenser, pytest.raises(UnreachableError, match="in the middle of a line"):
        list(condenser.batch_as_ready([TEXT]))


# What keeps the two clients and the service together


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        named = {"close" if name == "aclose" else name: method for name, method in methods if name[0] != "_"}
        return {name: list(inspect.signature(method).parameters) for name, method in named.items()}

    assert public(Condenser) == public(AsyncCondenser)
    assert list(inspect.signature(Condenser).parameters) == list(inspect.signature(AsyncCondenser).parameters)


PAIRS = [
    (capsule_format.Capsule, models.Capsule),
    (schemas.CompressResponse, models.CompressResult),
    (message_schemas.CompressMessagesResponse, models.MessagesResult),
    (message_schemas.ChangedContent, models.ChangedContent),
    (message_schemas.OlderBody, models.Older),
    (schemas.ExcerptBody, models.Excerpt),
    (schemas.ReconstructResponse, models.ReconstructResult),
    (schemas.FidelityReport, models.Fidelity),
    (schemas.PassageBody, models.Passage),
    (schemas.SizesBody, models.Sizes),
    (schemas.UsageBody, models.Usage),
    (schemas.TimingBody, models.Timing),
    (schemas.CostBody, models.Cost),
    (schemas.Problem, models.Problem),
    (batch_schemas.BatchResponse, models.BatchResult),
    (job_schemas.JobProgress, models.Job),
    (job_schemas.JobResults, models.JobPage),
    (monitoring_schemas.Status, status.Status),
    (monitoring_schemas.QueueState, status.QueueState),
    (monitoring_schemas.ModelState, status.ModelState),
]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_every_field_of_an_answer_has_a_typed_one_in_the_client(theirs: type[BaseModel], ours: type[BaseModel]) -> None:
    assert theirs.model_fields.keys() == ours.model_fields.keys()


def test_every_option_of_compress_is_one_of_the_clients() -> None:
    theirs = {name: field.annotation for name, field in schemas.CompressRequest.model_fields.items() if name != "text"}
    ours = condenser_client.CompressOptions.__annotations__
    assert theirs.keys() == ours.keys()
    for name in ("method", "fidelity", "on_engine_error"):
        assert set(get_args(theirs[name])) == set(get_args(ours[name]))


def test_every_option_for_messages_is_one_of_the_clients() -> None:
    fields = message_schemas.CompressMessagesRequest.model_fields
    assert fields.keys() - {"messages"} == condenser_client.MessagesOptions.__annotations__.keys()


def test_messages_come_back_shorter_with_capsules_of_what_changed(router: respx.MockRouter) -> None:
    route = router.post("/compress").respond(200, json=message_examples.RESPONSE)
    messages = message_examples.REQUEST["messages"]
    with Condenser(URL) as condenser:
        compressed = condenser.compress_messages(messages, keep_last=2, must_keep=("Please",))
    assert json.loads(route.calls.last.request.content) == {
        "messages": messages,
        "keep_last": 2,
        "must_keep": ["Please"],
    }
    assert compressed.messages == message_examples.RESPONSE["messages"]
    assert [change.index for change in compressed.changed] == [2]


def test_unknown_fields_of_a_newer_service_are_kept(router: respx.MockRouter) -> None:
    router.post("/compress").respond(200, json={**COMPRESSED, "colour": "green"})
    with Condenser(URL) as condenser:
        assert condenser.compress(TEXT).model_dump()["colour"] == "green"


def test_a_capsule_goes_back_as_it_came(router: respx.MockRouter) -> None:
    route = router.post("/reconstruct").respond(500, json=BUSY)
    with Condenser(URL) as condenser, pytest.raises(CondenserError):
        condenser.reconstruct(models.CompressResult.model_validate(COMPRESSED))
    assert json.loads(route.calls.last.request.content)["capsule"] == CAPSULE
