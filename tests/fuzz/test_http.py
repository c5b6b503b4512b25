"""Schemathesis against the whole service, for some seconds; `make fuzz` does it for minutes."""

from pathlib import Path

from tests.fuzz.http import fuzzed

SECONDS = 25


def test_no_request_that_schemathesis_thinks_of_breaks_a_promise_of_the_openapi_document(tmp_path: Path) -> None:
    run = fuzzed(tmp_path, SECONDS)
    assert run.returncode == 0, run.stdout
    assert "API Links:    2 covered" in run.stdout, run.stdout
