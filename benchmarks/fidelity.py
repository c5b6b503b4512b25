"""How much of a text's meaning survives: Condenser beside the bare model's summary and a published peer.

    .venv/bin/python -m benchmarks.fidelity                        # starts the service on the embedded model
    .venv/bin/python -m benchmarks.fidelity --url http://host:8000 # a service that is running, on any engine

Every text of `corpus/` goes through each contestant. The table has, over all texts: marked facts present, marked facts
listed as missing, facts neither present nor listed, made-up figures and names per text, tokens and bytes over the
source's, questions whose answer is in the result, exact round trips, seconds a text. Token counts of all contestants
are by the same estimate. `headroom-ai` takes part where it is installed; LLMLingua would need weights from a model hub.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from app.capsule.tokens import estimate_tokens

from benchmarks.corpus import Marked, load
from benchmarks.scoring import Score, score

PLAIN_PROMPT = "Summarize the following text in 50-100 tokens, preserving key facts and entities:\n\n"
TARGET = 0.4


@dataclass(frozen=True, slots=True)
class Shortened:
    """What a contestant made of a text. `bytes`: of what gives the text back, 0 where nothing does."""

    output: str
    missing: tuple[str, ...] = ()
    bytes: int = 0
    is_round_trip: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One text with one contestant."""

    contestant: str
    text: str
    is_long_prose: bool
    facts: int
    questions: int
    score: Score
    token_ratio: float
    byte_ratio: float
    is_round_trip: bool
    seconds: float


Contestant = Callable[[str], Shortened]


def condenser(client: httpx.Client, target: float | None) -> Contestant:
    """The service itself, with an exact reconstruction of each text."""

    def shorten(text: str) -> Shortened:
        body = {"text": text} | ({"target_ratio": target} if target else {})
        answer = _posted(client, "/compress", body)
        back = _posted(client, "/reconstruct", {"capsule": answer["capsule"], "mode": "exact"})
        missing = (*answer["fidelity"]["missing"], *answer["fidelity"]["left_out"])
        return Shortened(answer["compressed"], missing, answer["sizes"]["capsule_bytes"], back["text"] == text)

    return shorten


def _posted(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def bare_model(client: httpx.Client) -> Contestant:
    """The same model on the same engine, asked for a summary in plain words."""
    ready = client.get("/readyz").json()
    engine = httpx.Client(base_url=ready["engine_url"], timeout=600, trust_env=False)

    def shorten(text: str) -> Shortened:
        body = {
            "model": ready["model"],
            "messages": [{"role": "user", "content": PLAIN_PROMPT + text}],
            "options": {"num_predict": 100, "temperature": 0, "seed": 1, "num_ctx": 4096},
            "stream": False,
        }
        return Shortened(_posted(engine, "/api/chat", body)["message"]["content"])

    return shorten


def headroom() -> Contestant | None:
    """headroom-ai's compression of a tool's output, None where it is not installed."""
    try:
        from headroom import compress
    except ImportError:
        print("headroom-ai: not installed in this environment, left out")
        return None

    def shorten(text: str) -> Shortened:
        messages = [
            {"role": "user", "content": "What does it say?"},
            {"role": "tool", "content": text, "tool_call_id": "1"},
        ]
        return Shortened(str(compress(messages, model="gpt-4o").messages[-1]["content"]))

    return shorten


def measured(name: str, contestant: Contestant, marked: Marked) -> Row:
    """Run one text through one contestant."""
    started = time.perf_counter()
    made = contestant(marked.text)
    seconds = time.perf_counter() - started
    return Row(
        contestant=name,
        text=marked.name,
        is_long_prose=marked.is_long_prose,
        facts=len(marked.facts),
        questions=len(marked.questions),
        score=score(marked, made.output, made.missing),
        token_ratio=estimate_tokens(made.output) / estimate_tokens(marked.text),
        byte_ratio=made.bytes / len(marked.text.encode()),
        is_round_trip=made.is_round_trip,
        seconds=seconds,
    )


def summed_up(rows: list[Row]) -> dict[str, float]:
    """One contestant's figures over its rows."""
    facts = sum(row.facts for row in rows)
    prose = [row.token_ratio for row in rows if row.is_long_prose]
    return {
        "present": sum(row.score.present for row in rows) / facts,
        "listed": sum(row.score.listed for row in rows) / facts,
        "unseen": sum(len(row.score.unseen) for row in rows) / facts,
        "invented": sum(len(row.score.invented) for row in rows) / len(rows),
        "tokens": statistics.mean(row.token_ratio for row in rows),
        "tokens_prose": statistics.mean(prose) if prose else 0.0,
        "bytes": statistics.mean(row.byte_ratio for row in rows),
        "answered": sum(row.score.answered for row in rows) / sum(row.questions for row in rows),
        "round_trip": sum(row.is_round_trip for row in rows) / len(rows),
        "seconds": statistics.mean(row.seconds for row in rows),
    }


def table(rows: list[Row]) -> str:
    """The table, a contestant a line."""
    names = list(dict.fromkeys(row.contestant for row in rows))
    head = (
        "| | present | listed | unseen | invented a text | tokens | tokens, prose | bytes | answered | round trip | s |"
    )
    lines = [head, "|" + " --- |" * 11]
    for name in names:
        of = summed_up([row for row in rows if row.contestant == name])
        lines.append(
            f"| {name} | {of['present']:.1%} | {of['listed']:.1%} | {of['unseen']:.1%} | {of['invented']:.2f} "
            f"| {of['tokens']:.2f} | {of['tokens_prose']:.2f} | {of['bytes']:.2f} | {of['answered']:.1%} "
            f"| {of['round_trip']:.0%} | {of['seconds']:.1f} |"
        )
    return "\n".join(lines)


def plot(rows: list[Row], path: Path) -> None:
    """Facts present against tokens, a dot a text."""
    try:
        import matplotlib
    except ImportError:
        print("matplotlib: not installed in this environment, no plot")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name in dict.fromkeys(row.contestant for row in rows):
        own = [row for row in rows if row.contestant == name]
        axes.scatter([row.token_ratio for row in own], [row.score.present / row.facts for row in own], label=name)
    axes.set(xlabel="tokens over the source's", ylabel="marked facts present")
    axes.legend()
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


@contextmanager
def service(url: str | None) -> Iterator[httpx.Client]:
    """A client of the service at `url`, or of one started here on the embedded model."""
    if url:
        with httpx.Client(base_url=url, timeout=1200, trust_env=False) as client:
            yield client
        return
    environment = os.environ | {
        "CONDENSER_ENGINE": "embedded",
        "CONDENSER_PORT": "18345",
        "CONDENSER_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "serve"], env=environment)
    try:
        with httpx.Client(base_url="http://127.0.0.1:18345", timeout=1200, trust_env=False) as client:
            _wait_until_ready(client)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_until_ready(client: httpx.Client) -> None:
    for _ in range(240):
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit("the service did not get ready within two minutes")


def main() -> None:
    """Run the benchmark, print the table, write `fidelity.json` and `fidelity.png`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="address of a running service; left out: one is started on the embedded model")
    parser.add_argument("--only", default="", help="only texts whose name contains this")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for fidelity.json and fidelity.png")
    wished = parser.parse_args()
    texts = [marked for marked in load() if wished.only in marked.name]
    with service(wished.url) as client:
        contestants = {
            "Condenser": condenser(client, None),
            f"Condenser, target {TARGET}": condenser(client, TARGET),
            "bare model": bare_model(client),
            "headroom-ai": headroom(),
        }
        rows = [
            measured(name, contestant, marked)
            for marked in texts
            for name, contestant in contestants.items()
            if contestant is not None
        ]
    print(f"{len(texts)} texts, {sum(len(marked.facts) for marked in texts)} marked facts\n")
    print(table(rows))
    (wished.out / "fidelity.json").write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1))
    plot(rows, wished.out / "fidelity.png")


if __name__ == "__main__":
    main()
