"""How little the engine need read and write: its time and fidelity by share of a text and tokens of a completion.

    .venv/bin/python -m benchmarks.economy [--curve 24:0.5,40:0.5,40:1] [--json FILE]

The embedded model on one slot of the embedded engine, and all texts of the fidelity corpus that fit one call. The
contestants take turns; a number of its own before each text keeps it from finding that in the engine's prefix cache.
The plain prompt is what an app would send without the service: "Summarize the following text in 50-100 tokens, ...",
100 tokens at most. Engine time is Ollama's own word: evaluation of the prompt and of the completion.
"""

import argparse
import asyncio
import json
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from app.capsule.prompts import Prompt, completion_text, summarize_prompt
from app.capsule.skim import skim
from app.capsule.tokens import estimate_tokens
from app.compression.safety import explored, summarized

from app.engine.embedded import EmbeddedEngine
from app.engine.startup import embedded_config
from app.settings import load_settings
from benchmarks.corpus import Marked, load
from benchmarks.fidelity import PLAIN_PROMPT
from benchmarks.scoring import Score, score

PLAIN = "plain prompt"
PLAIN_TOKENS = 100
CURVE = "24:0.5,40:0.25,40:0.5,40:1,96:1"
LONGEST_TOKENS = 2500


@dataclass(frozen=True, slots=True)
class Made:
    """One text by one contestant; times in seconds, `ratio`: tokens over the source's."""

    contestant: str
    text: str
    engine_s: float
    prompt_tokens: int
    completion_tokens: int
    score: Score
    facts: int
    questions: int
    ratio: float
    has_written: bool


def made(
    contestant: str,
    marked: Marked,
    answer: dict[str, Any],
    output: str,
    missing: tuple[str, ...],
    has_written: bool = True,
) -> Made:
    """What came out, scored."""
    return Made(
        contestant,
        marked.name,
        (answer.get("prompt_eval_duration", 0) + answer.get("eval_duration", 0)) / 1e9,
        answer.get("prompt_eval_count", 0),
        answer.get("eval_count", 0),
        score(marked, output, missing),
        len(marked.facts),
        len(marked.questions),
        estimate_tokens(output) / estimate_tokens(marked.text),
        has_written,
    )


def numbered(number: int, marked: Marked) -> Marked:
    """The text with a front of its own."""
    return replace(marked, text=f"({number}) {marked.text}")


async def asked(engine: httpx.AsyncClient, model: str, prompt: Prompt, num_predict: int) -> dict[str, Any]:
    """The engine's answer."""
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    options = {"num_predict": num_predict, "temperature": 0, "seed": 1, "num_ctx": 4096}
    body = {"model": model, "messages": [*messages, {"role": "user", "content": prompt.user}], "stream": False}
    response = await engine.post("/api/chat", json={**body, "options": options})
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


async def plainly(engine: httpx.AsyncClient, model: str, marked: Marked) -> Made:
    """What the model writes when it is asked plainly."""
    answer = await asked(engine, model, Prompt("", PLAIN_PROMPT + marked.text), PLAIN_TOKENS)
    return made(PLAIN, marked, answer, answer["message"]["content"], ())


async def by_condenser(engine: httpx.AsyncClient, model: str, marked: Marked, tokens: int, share: float) -> Made:
    """What the service makes of a completion of so many tokens at most about that share of the text."""
    answer = await asked(engine, model, summarize_prompt(skim(marked.text, share)), tokens)
    gist = completion_text(answer["message"]["content"], answer.get("done_reason") == "length")
    result = summarized(explored(marked.text, ()), gist, question=None, target=None)
    missing = (*result.report.missing, *result.report.left_out)
    return made(f"{tokens}, {share:.0%}", marked, answer, result.text, missing, result.has_written_sentences)


async def measured(texts: list[Marked], curve: list[tuple[int, float]]) -> list[Made]:
    """All texts by all contestants."""
    config = embedded_config(load_settings(embedded_num_parallel=1))
    rows: dict[str, list[Made]] = {}
    async with (
        EmbeddedEngine(config) as embedded,
        httpx.AsyncClient(base_url=embedded.base_url, timeout=600, trust_env=False) as engine,
    ):
        for marked in texts:
            rows.setdefault(PLAIN, []).append(await plainly(engine, config.name, numbered(0, marked)))
            for number, (most, share) in enumerate(curve, 1):
                row = await by_condenser(engine, config.name, numbered(number, marked), most, share)
                rows.setdefault(row.contestant, []).append(row)
    return [row for own in rows.values() for row in own]


def table(rows: list[Made]) -> str:
    """A line a contestant."""
    plain_s = sum(row.engine_s for row in rows if row.contestant == PLAIN)
    head = (
        "| most tokens, read | engine time over plain | written | with the model's words | present | listed | unseen "
        "| invented | tokens | answered |"
    )
    lines = [head, "|" + " --- |" * 10]
    for name in dict.fromkeys(row.contestant for row in rows):
        own = [row for row in rows if row.contestant == name]
        facts, questions = sum(row.facts for row in own), sum(row.questions for row in own)
        cells = (
            f"{sum(row.engine_s for row in own) / plain_s:.2f}",
            f"{statistics.mean(row.completion_tokens for row in own):.0f}",
            f"{statistics.mean(row.has_written for row in own):.0%}",
            f"{sum(row.score.present for row in own) / facts:.1%}",
            f"{sum(row.score.listed for row in own) / facts:.1%}",
            f"{sum(len(row.score.unseen) for row in own) / facts:.1%}",
            f"{statistics.mean(len(row.score.invented) for row in own):.2f}",
            f"{statistics.mean(row.ratio for row in own):.2f}",
            f"{sum(row.score.answered for row in own) / questions:.1%}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curve", default=CURVE, help="most tokens of a completion : share of the text that is read")
    parser.add_argument("--only", default="", help="only texts whose name contains this")
    parser.add_argument("--every", type=int, default=1, help="only each text so many apart")
    parser.add_argument("--json", type=Path, help="file for all values")
    wished = parser.parse_args()
    texts = [one for one in load() if wished.only in one.name and estimate_tokens(one.text) <= LONGEST_TOKENS]
    texts = texts[:: wished.every]
    curve = [(int(most), float(share)) for most, share in (pair.split(":") for pair in wished.curve.split(","))]
    rows = asyncio.run(measured(texts, curve))
    print(f"{len(texts)} texts, {sum(len(one.facts) for one in texts)} marked facts\n")
    print(table(rows))
    if wished.json:
        wished.json.write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
