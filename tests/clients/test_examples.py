"""Each file in examples/ does what it shows, against a running service."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.serving import Served

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOT = EXAMPLES.parent
NODE = shutil.which("node")


def run(*command: str, service: Served) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "CONDENSER_URL": service.url, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("client.py", ["about 4,300 orders were affected", "422 invalid_request", "0 extractive"]),
        ("agent_messages.py", ["We rolled back to v2.3.0 at 15:10 UTC", "291 -> "]),
        ("client_async.py", ["Around 14:35 UTC", "0 0."]),
        ("mcp_client.py", ["['compress', 'reconstruct', 'status']", "Tickets cost 24 euros."]),
        ("langchain_compressor.py", ["Human: Answer the question", "about 4,300 orders were affected"]),
        ("llamaindex_postprocessor.py", ["about 4,300 orders were affected"]),
    ],
)
def test_an_example_in_python_prints_what_it_is_about(service: Served, name: str, shown: list[str]) -> None:
    printed = run(sys.executable, str(EXAMPLES / name), service=service)
    assert [word for word in shown if word not in printed] == []


@pytest.mark.skipif(NODE is None, reason="node is not installed here")
def test_javascript_needs_no_more_than_fetch(service: Served) -> None:
    printed = run(str(NODE), str(EXAMPLES / "fetch.mjs"), service=service)
    assert printed.startswith("Tickets cost 24 euros.")
    assert "left out: The ferry to Tallinn leaves at 07:45" in printed
    assert "the same text came back" in printed
    assert "must_keep: 'not in the text' does not stand in the text" in printed
