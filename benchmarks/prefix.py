"""What the engine's prefix cache saves: our prompt's constant front, and the order in which a batch is asked.

    .venv/bin/python -m benchmarks.prefix [--json FILE]                                  # embedded engine, one slot
    .venv/bin/python -m benchmarks.prefix --url http://127.0.0.1:11436 --model NAME      # a real Ollama

A real Ollama is to run with OLLAMA_NUM_PARALLEL=1 and to have nothing else to do: with more slots it takes the free
one that has most of the prompt, which may not be the one of the call before.

Front: English prose goes through the engine one text after another, each text in our prompt as it is and with a number
before the system prompt, another one each time, so that no two prompts share a front. The two forms take turns to be
first. Ollama's slot holds its last prompt only, so a short call of the same form, not counted, precedes each one.
Order: the same texts, half with one question and half with another, the questions in turns or one after the other. The
question stands before the text, so calls with the same one share it.
Each round numbers the texts, or the questions, anew, so that no prompt of a round is in the cache of a later one. Of
each text's rounds the fastest counts, since what else the machine does only adds to one.

The duration is the evidence, not the count: Ollama 0.16.1 reports as prompt_eval_count the length of the whole prompt,
cached or not (`numPromptInputs`, set before `LoadCacheSlot` cuts off what is cached, in runner/llamarunner/runner.go
and runner/ollamarunner/runner.go), and so does the embedded engine. prompt_eval_duration is the time of the rest. With
OLLAMA_DEBUG=1 Ollama logs for each call how much of it was cached: "loading cache slot", used=.
"""

import argparse
import asyncio
import itertools
import json
import statistics
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx
from app.capsule.prompts import Prompt, summarize_prompt
from app.capsule.tokens import estimate_tokens

from app.engine.embedded import EmbeddedEngine
from app.engine.ollama import OllamaClient
from app.engine.startup import embedded_config
from app.settings import load_settings
from benchmarks.corpus import load

SHARED, UNLIKE = "front shared", "front unlike"
GROUPED, ALTERNATING = "grouped", "alternating"
QUESTIONS = ("What does it cost, and who is going to pay for it?", "When did it happen, and how long did it take?")
FILLER = "The ferry to the island leaves at nine."
LONGEST_TOKENS = 600
TEXTS = 10
ROUNDS = 3
CALL_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The prompt for the text of this number, in the form or order `kind`, and the engine's word for what it took."""

    kind: str
    text: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Tokens of the prompt before the text, without and with a question, and all calls."""

    front_tokens: int
    front_tokens_with_question: int
    by_front: list[Evaluated]
    by_order: list[Evaluated]


@dataclass(frozen=True, slots=True)
class Engine:
    """The model on the engine, asked as the service asks."""

    client: OllamaClient
    http: httpx.AsyncClient
    model: str

    async def evaluated(self, prompt: Prompt, kind: str = "", text: int = 0) -> Evaluated:
        """Have the engine read `prompt`."""
        async with self.client.chat_body(prompt, model=self.model, num_predict=1) as body:
            response = await self.http.post("/api/chat", json=body)
        response.raise_for_status()
        answer = response.json()
        return Evaluated(kind, text, answer["prompt_eval_count"], answer.get("prompt_eval_duration", 0) / 1e9)

    async def tokens(self, prompt: Prompt) -> int:
        """Of the whole prompt, with what the template puts around it."""
        return (await self.evaluated(prompt)).tokens


@asynccontextmanager
async def at(url: str, model: str) -> AsyncIterator[Engine]:
    """The engine at `url`, the model loaded."""
    settings = load_settings()
    async with (
        OllamaClient(url, num_ctx=settings.num_ctx, keep_alive=settings.keep_alive, seed=settings.seed) as client,
        httpx.AsyncClient(base_url=url, timeout=CALL_LIMIT_S, trust_env=False) as http,
    ):
        engine = Engine(client, http, model)
        await engine.tokens(summarize_prompt(FILLER))
        yield engine


@asynccontextmanager
async def embedded() -> AsyncIterator[Engine]:
    """The embedded engine, with one slot."""
    config = embedded_config(load_settings(embedded_num_parallel=1))
    async with EmbeddedEngine(config) as process, at(process.base_url, config.name) as engine:
        yield engine


async def front_tokens(engine: Engine, question: str | None = None) -> int:
    """Tokens of our prompt before the text, without the template's."""
    whole = summarize_prompt(FILLER, question)
    rest = Prompt("", whole.user[whole.user.index(FILLER) :])
    return await engine.tokens(whole) - await engine.tokens(rest)


async def by_front(engine: Engine, texts: Sequence[str], rounds: int) -> list[Evaluated]:
    """All texts in both forms."""
    numbers = itertools.count(1)
    rows = []
    for turn, (number, text) in itertools.product(range(rounds), enumerate(texts)):
        for kind in (SHARED, UNLIKE) if (turn + number) % 2 else (UNLIKE, SHARED):
            await engine.evaluated(in_form(kind, FILLER, numbers))
            rows.append(await engine.evaluated(in_form(kind, f"({turn}) {text}", numbers), kind, number))
    return rows


def in_form(kind: str, text: str, numbers: Iterator[int]) -> Prompt:
    """Our prompt, or the one that shares its front with no other."""
    prompt = summarize_prompt(text)
    return prompt if kind == SHARED else replace(prompt, system=f"{next(numbers)} {prompt.system}")


async def by_order(engine: Engine, texts: Sequence[str], rounds: int) -> list[Evaluated]:
    """All texts, each with one of the questions, in both orders."""
    rows = []
    there_and_back = itertools.cycle((GROUPED, ALTERNATING, ALTERNATING, GROUPED))
    for label, kind in enumerate(itertools.islice(there_and_back, 2 * rounds), 1):
        numbers = list(range(len(texts)))
        for number in numbers if kind == ALTERNATING else numbers[::2] + numbers[1::2]:
            prompt = summarize_prompt(texts[number], f"({label}) {QUESTIONS[number % 2]}")
            rows.append(await engine.evaluated(prompt, kind, number))
    return rows


def fastest(rows: Iterable[Evaluated]) -> list[Evaluated]:
    """The fastest round of each text."""
    best: dict[int, Evaluated] = {}
    for row in rows:
        best[row.text] = min(best.get(row.text, row), row, key=lambda one: one.seconds)
    return list(best.values())


def table(rows: Sequence[Evaluated], kinds: tuple[str, str]) -> str:
    """A line for each of two kinds, and what the first takes over the second."""
    lines = ["| | texts | tokens, median | evaluation, median ms | evaluation, sum s |", "|" + " --- |" * 5]
    sums = []
    for kind in kinds:
        best = fastest(row for row in rows if row.kind == kind)
        seconds = [row.seconds for row in best]
        sums.append(sum(seconds))
        tokens, middle_ms = statistics.median(row.tokens for row in best), 1000 * statistics.median(seconds)
        lines.append(f"| {kind} | {len(best)} | {tokens:.0f} | {middle_ms:.0f} | {sums[-1]:.3f} |")
    return "\n".join([*lines, f"\n{kinds[0]} over {kinds[1]}: {sums[0] / sums[1]:.3f}"])


async def measured(url: str, model: str, texts: Sequence[str], rounds: int) -> Measured:
    """Everything, on the engine at `url` or the embedded one."""
    async with at(url, model) if url else embedded() as engine:
        front = await front_tokens(engine)
        asking = await front_tokens(engine, f"(1) {QUESTIONS[0]}")
        return Measured(front, asking, await by_front(engine, texts, rounds), await by_order(engine, texts, rounds))


def prose(most: int) -> list[str]:
    """English prose of the corpus that fits a short call."""
    fitting = (one for one in load() if (one.kind, one.language) == ("prose", "en"))
    return [one.text for one in fitting if estimate_tokens(one.text) <= LONGEST_TOKENS][:most]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="", help="a real Ollama; without it the embedded engine")
    parser.add_argument("--model", default="", help="its name there")
    parser.add_argument("--texts", type=int, default=TEXTS, help="how many at most")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="file for all values")
    wished = parser.parse_args()
    if wished.url and not wished.model:
        parser.error("--url needs --model")
    texts = prose(wished.texts)
    found = asyncio.run(measured(wished.url, wished.model, texts, wished.rounds))
    print(f"{len(texts)} texts; before the text stand {found.front_tokens} tokens,", end=" ")
    print(f"{found.front_tokens_with_question} with a question\n")
    print(table(found.by_front, (SHARED, UNLIKE)), end="\n\n")
    print(table(found.by_order, (GROUPED, ALTERNATING)))
    if wished.json:
        wished.json.write_text(json.dumps(asdict(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
