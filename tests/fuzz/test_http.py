"""Schemathesis against the whole service, the same requests each time; `make fuzz` makes new ones for minutes."""

import re
from pathlib import Path

from tests.fuzz.http import fuzzed

EXAMPLES = 10  # of each operation; enough for the links between operations to be followed
LIMIT_S = 300.0  # with the shrinking of a failure


def test_no_request_that_schemathesis_makes_breaks_a_promise_of_the_openapi_document(tmp_path: Path) -> None:
    run = fuzzed(tmp_path, f"--max-examples={EXAMPLES}", "--seed=1", limit_s=LIMIT_S)
    assert run.returncode == 0, run.stdout
    links = re.search(r"API Links: +(\d+) covered", run.stdout)
    assert int(links[1] if links else 0) > 0, run.stdout
