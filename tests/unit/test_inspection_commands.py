"""The commands that show something: diff, status, models and jobs, against a service that respx plays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from typer.testing import CliRunner, Result

from app.api.examples import COMPRESSED
from app.api.monitoring_schemas import Status
from app.cli import cli
from app.ops.exits import DONE, FAILED, USAGE

URL = "http://condenser.test"
TEXT = "Hello all. The bridge opens in May. Bring a coat."
SUMMARY = "The bridge opens in May. Coats are needed."
JOB = {
    "id": "a1",
    "state": "running",
    "operation": "compress",
    "items": 3,
    "succeeded": 1,
    "failed": 1,
    "created_at": "2026-11-26T16:16:44.739000Z",
    "started_at": None,
    "ended_at": None,
}
STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "workers": 2,
    "engine": {
        "name": "ollama", "url": "http://gpu1:11434", "version": "0.13.0", "up": True, "problem": None, "warning": None,
        "upstreams": [],
    },
    "model": {"name": "m:7b", "loaded": True, "num_ctx": 4096, "gpu_ratio": 0.5, "warning": "its sentences mostly fall"},
    "queue": {"in_flight": 2, "concurrency_limit": 4, "depth": 7, "capacity": 1000},
    "window_s": 60,
    "operations": {
        "compress": {"per_minute": 12.0, "latency_s": {"p50": 0.5, "p95": 1.25, "p99": 2.0}},
        "batch": {"per_minute": 0, "latency_s": None},
    },
    "savings": {
        "ratio": 0.9, "usd": 0.0123, "reader": {"tokens": 1, "usd": 0.0}, "reader_since_start": {"tokens": 5120, "usd": 0.5},
    },
}  # fmt: skip


def run(*arguments: str, given: str | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--url", URL], input=given, env=env)


def answer() -> dict[str, Any]:
    """An answer about TEXT: its first sentence is left out, the last one said by the model in words of its own."""
    passages = [
        {"start": 0, "end": 24, "by": "source", "source": [[11, 35]], "support": 1.0},
        {"start": 25, "end": 42, "by": "model", "source": [[36, 49]], "support": 0.8},
    ]
    fidelity = COMPRESSED["fidelity"] | {"passages": passages, "omitted": [[0, 10], [36, 49]]}
    return COMPRESSED | {
        "compressed": SUMMARY,
        "fidelity": fidelity,
        "sizes": COMPRESSED["sizes"] | {"source_bytes": len(TEXT)},
    }


@pytest.fixture
def service() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        router.post("/compress").respond(json=answer())
        router.get("/status").respond(json=STATUS)
        yield router


def test_diff_marks_what_is_left_out_and_what_the_model_wrote(service: respx.MockRouter) -> None:
    result = run("diff", given=TEXT)
    assert result.exit_code == DONE
    assert "[-Hello all.-] The bridge opens in May. [-Bring a coat.-]\n" in result.stdout
    assert "\nThe bridge opens in May. {+Coats are needed.+}\n" in result.stdout


@pytest.mark.parametrize(
    ("env", "is_coloured"), [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)
def test_diff_has_colours_or_signs(service: respx.MockRouter, env: dict[str, str], is_coloured: bool) -> None:
    output = run("diff", given=TEXT, env={"TERM": "xterm", **env}).stdout
    assert ("\x1b[9;31mHello all." in output) == is_coloured
    assert ("[-Hello all.-]" in output) != is_coloured


def test_diff_lets_no_escape_sequence_of_the_text_through(service: respx.MockRouter) -> None:
    hostile = "\x1b[2J" + TEXT[4:]
    assert "\u241b[2Jo all." in run("diff", given=hostile).stdout


def test_diff_as_json_has_both_texts_whole(service: respx.MockRouter) -> None:
    compared = json.loads(run("diff", "--json", given=TEXT).stdout)
    assert "".join(piece["text"] for piece in compared["source"]) == TEXT
    assert [piece for piece in compared["result"] if piece["by"] == "model"] == [
        {"text": "Coats are needed.", "by": "model"}
    ]


def test_diff_shows_an_answer_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(answer()))
    result = run("diff", "--answer", str(tmp_path / "answer.json"), given=TEXT)
    assert "[-Hello all.-]" in result.stdout


def test_diff_refuses_an_answer_about_another_text(service: respx.MockRouter) -> None:
    result = run("diff", given=TEXT + " And more.")
    assert (result.exit_code, result.stderr) == (USAGE, "condenser: the answer belongs to another text\n")


def test_status_shows_engine_model_queue_and_figures(service: respx.MockRouter) -> None:
    result = run("status")
    assert result.exit_code == DONE
    for line in (
        "ollama 0.13.0 at http://gpu1:11434: up",
        "m:7b: loaded, context window of 4096 tokens, 50% on the GPU",
        "7 of 1000 places taken; 2 of 4 calls in the engine",
        "http://condenser.test, 2 workers",
        "90% of the cloud's price in the last 60 s",
        "5120 tokens saved since the start, $0.5000",
        "warning  its sentences mostly fall",
        "compress   12          0.500 s  1.250 s  2.000 s",
        "batch      0           -        -        -",
    ):
        assert line in result.stdout


def test_the_status_of_these_tests_is_one_that_the_service_may_have() -> None:
    Status.model_validate(STATUS)


def test_where_the_model_was_not_called_there_is_no_share_to_show(service: respx.MockRouter) -> None:
    service.get("/status").respond(json=STATUS | {"savings": STATUS["savings"] | {"ratio": None}})
    assert "no calls of the model in the last 60 s" in run("status").stdout


def test_status_fails_where_the_engine_can_not_serve(service: respx.MockRouter) -> None:
    engine = STATUS["engine"] | {"problem": "connection refused", "up": False}
    service.get("/status").respond(json=STATUS | {"engine": engine})
    result = run("status")
    assert result.exit_code == FAILED
    assert "problem  connection refused" in result.stdout


def test_models_are_listed_with_the_default(service: respx.MockRouter) -> None:
    entries = [{"name": "a:1b", "default": True, "loaded": False}, {"name": "b:7b", "default": False, "loaded": True}]
    service.get("/models").respond(json={"models": entries})
    lines = [line.split() for line in run("models").stdout.splitlines()]
    assert lines == [["model", "default", "loaded"], ["a:1b", "yes"], ["b:7b", "yes"]]
    assert json.loads(run("models", "--json").stdout) == {"models": entries}


def test_a_batch_is_handed_over_and_its_id_written(service: respx.MockRouter) -> None:
    route = service.post("/batch").respond(202, json=JOB)
    result = run("jobs", "submit", "-r", "0.5", given='"one"\n{"text": "two"}\nnothing\n')
    assert (result.exit_code, result.stdout) == (DONE, "a1\n")
    request = route.calls.last.request
    assert request.headers["Prefer"] == "respond-async"
    texts = [(item["text"], item["target_ratio"]) for item in json.loads(request.content)["items"]]
    assert texts == [("one", 0.5), ("two", 0.5)]
    assert "left out: line 3: is not JSON" in result.stderr


def test_where_no_batches_are_kept_handing_one_over_fails(service: respx.MockRouter) -> None:
    service.post("/batch").respond(200, json={"results": [], "succeeded": 0, "failed": 0})
    result = run("jobs", "submit", given='"one"\n')
    assert result.exit_code == FAILED
    assert "CONDENSER_JOBS_DATABASE=off" in result.stderr


def test_batches_are_listed(service: respx.MockRouter) -> None:
    service.get("/batch").respond(json={"batches": [JOB]})
    heads, row = (line.split() for line in run("jobs", "list").stdout.splitlines())
    assert dict(zip(heads, row, strict=False)) == {
        "id": "a1",
        "operation": "compress",
        "state": "running",
        "items": "3",
        "done": "1",
        "failed": "1",
        "created": "2026-11-26",
    }


def test_the_results_of_a_batch_are_written_as_lines(service: respx.MockRouter) -> None:
    service.get("/batch/a1").respond(text='{"index":1}\n{"index":0}\n')
    assert run("jobs", "show", "a1", "--results").stdout == '{"index":1}\n{"index":0}\n'


def test_a_batch_is_cancelled(service: respx.MockRouter) -> None:
    route = service.delete("/batch/a1").respond(204)
    assert run("jobs", "cancel", "a1").exit_code == DONE
    assert route.call_count == 1


def test_an_unknown_batch_is_reported_in_the_words_of_the_service(service: respx.MockRouter) -> None:
    problem = {"title": "There is no such batch", "detail": "none", "status": 404}
    service.get("/batch/b%2F2").mock(return_value=httpx.Response(404, json=problem))
    result = run("jobs", "show", "b/2")
    assert (result.exit_code, result.stderr) == (FAILED, "condenser: There is no such batch: none\n")
