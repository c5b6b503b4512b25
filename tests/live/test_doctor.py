"""`condenser doctor` against an engine that really runs."""

import json
import os
import socket
import subprocess
import sys
from typing import Any

import httpx
import pytest

from app.settings import PREFIX
from tests.live.conftest import Service


def doctor(*options: str, **settings: str) -> tuple[int, dict[str, Any]]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "app.cli", "doctor", "--json", "--timeout-s", "600", *options]
    done = subprocess.run(command, env=own | settings, capture_output=True, text=True, timeout=900, check=False)
    return done.returncode, json.loads(done.stdout)


def findings(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in report["findings"]}


def test_a_real_call_to_ollamas_api_gives_the_speed(client: httpx.Client) -> None:
    engine = client.get("/readyz").json()
    _, report = doctor(CONDENSER_OLLAMA_URL=engine["engine_url"], CONDENSER_MODEL=engine["model"])
    assert findings(report)["ollama"]["state"] == "ok", findings(report)["ollama"]
    assert findings(report)["model"]["state"] == "ok"
    call = report["observations"]["answers"]["call"]
    assert call["problem"] is None
    assert call["load_s"] + call["decode_s"] > 0
    assert call["completion_tokens"] > 0
    assert "tokens/s" in findings(report)["speed"]["sentence"]


def test_a_model_that_the_engine_does_not_have_fails_with_the_pull(client: httpx.Client) -> None:
    engine = client.get("/readyz").json()
    code, report = doctor(CONDENSER_OLLAMA_URL=engine["engine_url"], CONDENSER_MODEL="no-such-model:1b")
    assert code == 1
    assert findings(report)["model"]["command"].endswith("ollama pull no-such-model:1b")


@pytest.mark.embedded_only
def test_a_running_service_on_the_embedded_engine_is_measured(service: Service) -> None:
    port = service.url.rsplit(":", 1)[-1]
    code, report = doctor(CONDENSER_ENGINE="embedded", CONDENSER_PORT=port)
    assert code == 0
    assert {name: finding["state"] for name, finding in findings(report).items()} == dict.fromkeys(
        ("model", "llama.cpp", "memory", "speed"), "ok"
    )


@pytest.mark.embedded_only
def test_a_healthy_service_on_the_embedded_engine_is_what_is_looked_at_where_no_engine_is_set(service: Service) -> None:
    port = service.url.rsplit(":", 1)[-1]
    code, report = doctor("--no-call", CONDENSER_PORT=port)
    assert code == 0
    assert "runs on the embedded engine" in findings(report)["engine"]["sentence"]
    code, report = doctor("--no-call", CONDENSER_PORT=port, CONDENSER_ENGINE="ollama", CONDENSER_OLLAMA_URL=nobody())
    assert code == 1
    assert findings(report)["ollama"]["state"] == "fail"


def nobody() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def test_auto_without_ollama_says_that_it_takes_the_embedded_engine(model: None) -> None:
    code, report = doctor("--no-call", CONDENSER_ENGINE="auto", CONDENSER_OLLAMA_URL=nobody())
    assert code == 0
    assert "uses the embedded engine" in findings(report)["engine"]["sentence"]


def test_a_server_that_never_answers_is_distinguished_from_one_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, report = doctor(CONDENSER_OLLAMA_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert code == 1
    assert "accepts connections but does not answer" in findings(report)["ollama"]["sentence"]
