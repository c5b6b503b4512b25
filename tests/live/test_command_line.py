"""The commands for people, as processes of their own in front of a running service."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.live.conftest import ENGINE, Service, start_service
from tests.live.cores import THREADS
from tests.live.simulated import gateway_to, simulated_ollama
from tests.live.texts import MAIL

CONDENSER = [sys.executable, "-m", "app.cli"]
ROOT = Path(__file__).parents[2]


def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CONDENSER, *arguments], input=given, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def upstream() -> Iterator[httpx.Client]:
    """The control of a simulated Ollama with 5 slots."""
    with simulated_ollama(5, service_s=0.05) as control:
        yield control


@pytest.fixture(scope="module")
def gateway(upstream: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in front of it."""
    with gateway_to(upstream, 5, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def test_a_text_goes_through_a_pipe_and_back(service: Service) -> None:
    answer = run("compress", "-", "--json", "--url", service.url, given=MAIL)
    assert answer.returncode == 0, answer.stderr
    back = run("reconstruct", "-", "--url", service.url, given=answer.stdout)
    assert (back.returncode, back.stdout) == (0, MAIL)


def run_local(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command with `--local` on MAIL, and nothing of the settings of these tests."""
    threads = {"CONDENSER_EMBEDDED_THREADS": str(THREADS)}
    own = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **threads, **environment}
    command = [*CONDENSER, *arguments, "--local"]
    return subprocess.run(command, input=MAIL, capture_output=True, text=True, cwd=ROOT, env=own)


@pytest.mark.embedded_only
def test_local_needs_neither_a_service_nor_ollama(model: None) -> None:
    nobody = {"OLLAMA_HOST": "127.0.0.1:1", "CONDENSER_ENGINE_CHECK": "off"}
    done = run_local("compress", "--json", "--target-ratio", "0.5", **nobody)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["usage"]["engine"] == "embedded"
    assert 0 < len(answer["compressed"]) < len(MAIL)


def test_local_takes_the_ollama_that_answers(upstream: httpx.Client) -> None:
    done = run_local("compress", "--json", OLLAMA_HOST=str(upstream.base_url), CONDENSER_ENGINE_CHECK="off")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["usage"]["engine"] == "ollama"


def on_terminal(*arguments: str, is_input: bool = False, **environment: str) -> tuple[int, str]:
    """The exit code of a command and what it writes to a terminal that is its standard error, and input if wished."""
    own, its = pty.openpty()
    try:
        process = subprocess.Popen(
            [*CONDENSER, *arguments],
            stdin=its if is_input else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=its,
            cwd=ROOT,
            env=os.environ | {"TERM": "xterm"} | environment,
        )
    finally:
        os.close(its)
    written = b""
    with suppress(OSError):  # Linux tells the end of a terminal so
        while some := os.read(own, 65536):
            written += some
    os.close(own)
    return process.wait(), written.decode()


def test_on_a_terminal_without_input_a_command_says_what_it_needs_and_ends() -> None:
    for command in ("compress", "reconstruct", "diff"):
        code, written = on_terminal(command, is_input=True)
        assert code == 2
        assert "name a file, pipe a text in" in written


def test_a_terminal_shows_the_seconds_so_far(gateway: Service, upstream: httpx.Client) -> None:
    upstream.post("/control", json={"service_s": 0.5})
    code, written = on_terminal("compress", "README.md", "--url", gateway.url)
    assert code == 0
    assert "compressing" in written
    assert "0:00:00" in written


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_no_spinner_where_it_is_not_wanted(gateway: Service, upstream: httpx.Client, option: str) -> None:
    upstream.post("/control", json={"service_s": 0.05})
    assert on_terminal("compress", "examples/outage.txt", option, "--url", gateway.url) == (0, "")


def test_ctrl_c_ends_a_call_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [*CONDENSER, "compress", "examples/outage.txt", "--url", url]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.read() == "condenser: interrupted\n"
            assert process.wait() == 130


def test_a_reader_that_leaves_is_no_error(gateway: Service) -> None:
    for command in (
        "compress examples/outage.txt -M extractive -q",
        "diff examples/outage.txt -M extractive -q",
        "serve -h",
    ):
        url = "" if command.startswith("serve") else f"--url {gateway.url}"
        shell = f"{sys.executable} -m app.cli {command} {url} | true"
        assert subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=ROOT).stderr == ""


def test_bash_completes_a_choice(tmp_path: Path) -> None:
    (tmp_path / "condenser").write_text(f'#!/bin/bash\nexec {sys.executable} -m app.cli "$@"\n')
    (tmp_path / "condenser").chmod(0o755)
    script = """
        eval "$(condenser --show-completion bash)"
        COMP_WORDS=(condenser compress --method abs) COMP_CWORD=3
        $(complete -p condenser | sed 's/.*-F \\([^ ]*\\).*/\\1/') condenser abs --method
        echo "${COMPREPLY[@]}"
    """
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.stdout.strip() == "abstractive", done.stderr


def test_a_job_is_handed_over_followed_and_cancelled(gateway: Service) -> None:
    items = "".join(json.dumps(f"{MAIL} No. {number}") + "\n" for number in range(3))
    sent = run("jobs", "submit", "--url", gateway.url, given=items)
    assert sent.returncode == 0, sent.stderr
    identifier = sent.stdout.strip()
    results = run("jobs", "show", identifier, "--results", "--url", gateway.url)
    assert sorted(json.loads(line)["index"] for line in results.stdout.splitlines()) == [0, 1, 2]
    assert identifier in run("jobs", "list", "--url", gateway.url).stdout
    assert run("jobs", "cancel", identifier, "--url", gateway.url).returncode == 0
    assert run("jobs", "show", identifier, "--url", gateway.url).returncode == 1


def test_extractive_needs_no_model_call(gateway: Service) -> None:
    options = ("--method", "extractive", "--coverage", "0.6", "--json")
    done = run("compress", "-", *options, "--url", gateway.url, given=MAIL)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["usage"]["calls"] == 0
    assert 0 < len(answer["compressed"]) < len(MAIL)
    assert done.stderr == ""


def test_ctrl_c_loses_nothing_that_is_done(gateway: Service, upstream: httpx.Client, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(f"{MAIL} No. {number}") + "\n" for number in range(30)))
    upstream.post("/control", json={"service_s": 0.3})
    command = [*CONDENSER, "batch", str(source), "--out", str(out), "--url", gateway.url]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (out.exists() and out.stat().st_size):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    written = process.stderr.read()
    assert process.wait() == 130
    done = len(out.read_text().splitlines())
    assert f"{done} of 30 are done" in written
    upstream.post("/control", json={"service_s": 0.0})
    again = run("batch", str(source), "--out", str(out), "--url", gateway.url, "--json")
    assert json.loads(again.stdout) == {"succeeded": 30 - done, "failed": 0, "skipped": done}


def test_what_a_client_that_was_interrupted_had_asked_for_is_dropped(gateway: Service, upstream: httpx.Client) -> None:
    for _ in range(1000):
        if upstream.get("/control").json()["in_service"] == 0:
            return
    raise AssertionError("calls are still in the engine")


def test_acceptance_measures_all_criteria_by_real_calls(upstream: httpx.Client, tmp_path: Path) -> None:
    upstream.post("/control", json={"service_s": 0.1})
    served = upstream.get("/control").json()["served"]
    out = tmp_path / "found.json"
    # Its own service: after many summaries that fail the check a service asks the model less often.
    with gateway_to(upstream, 5, tmp_path) as gateway:
        done = run("acceptance", "--texts", "6", "--rounds", "1", "--out", str(out), "--url", gateway.url)
    report = json.loads(out.read_text())
    names = [row["name"] for row in report["rows"]]
    assert names == ["model available", "compression", "exact reconstruction", "savings", "throughput", "fidelity"]
    # Of three lengths the shortest is answered without the model.
    assert upstream.get("/control").json()["served"] - served >= 2 + 4 + 4
    assert done.returncode == (0 if report["is_met"] else 1)
    by_name = {row["name"]: row for row in report["rows"]}
    assert by_name["exact reconstruction"]["figures"]["identical"] == 3
    assert by_name["savings"]["figures"]["is_undisturbed"]
    fidelity = by_name["fidelity"]["figures"]
    assert fidelity["accounted_for"] == fidelity["telling_words"]
    # The texts are drawn: so few of them are no measure for the row's own bound.
    assert fidelity["present"] / fidelity["telling_words"] > 0.3
    assert f"{by_name['throughput']['figures']['batch_per_minute']:.0f} a minute by /batch" in done.stdout


@pytest.mark.skipif(ENGINE != "embedded", reason="one run of the whole criteria is enough")
def test_acceptance_on_the_real_model_prints_every_row(service: Service) -> None:
    done = run("acceptance", "--texts", "2", "--rounds", "1", "--url", service.url)
    assert done.returncode in (0, 1), done.stderr
    for name in ("model available", "compression", "exact reconstruction", "savings", "throughput", "fidelity"):
        assert any(line.startswith(name) for line in done.stdout.splitlines())


def test_acceptance_fails_where_the_model_is_missing(tmp_path: Path, upstream: httpx.Client) -> None:
    service = start_service(
        tmp_path, CONDENSER_OLLAMA_URL=upstream.base_url, CONDENSER_MODEL="absent:1", engine="ollama"
    )
    done = run("acceptance", "--url", service.url)
    service.process.terminate()
    service.process.wait()
    assert done.returncode == 1
    assert "ollama pull absent:1" in done.stdout
