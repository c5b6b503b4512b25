"""Engine time of a summary and its checks, and how much of it the prefix cache saves: they share a prefix.

    .venv/bin/python -m benchmarks.prefix                                  # embedded engine, one slot
    .venv/bin/python -m benchmarks.prefix --engine http://127.0.0.1:11434  # an Ollama or OpenAI API that reports times

A real Ollama must run with OLLAMA_NUM_PARALLEL=1 and without other calls: with more slots it uses the free slot
with the longest common prefix, which may not be that of the previous call.

For each text, the engine first writes two summaries of at most 100 tokens: by a plain prompt, and by the service's.
Then it checks four sentences, as it does for the service after a summary. Then it does the same checks with a
different number before each system prompt, so that they share no prefix. A check's completion is a single token, so
its time is reading time. "Tokens read" is that time multiplied by the pace of the checks without a shared prefix:
Ollama reports the whole length of a prompt as prompt_eval_count, cached or not, but prompt_eval_duration is the time
for the rest. The time to load the model is not counted.
"""

import argparse
import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from app.compression.calibrator import CANDIDATES
from app.compression.prompts import check_prompt, summarize_prompt
from app.engine.client import Prompt
from app.engine.embedded import EmbeddedEngine
from app.engine.startup import embedded_config
from app.settings import load_settings
from app.text.language import Language
from app.text.tokens import estimate_tokens
from benchmarks.corpus import load
from benchmarks.measures import head, mean, row
from benchmarks.model import Model, open_model
from benchmarks.sentences import Boundaries

PLAIN, SUMMARY, SHARED, UNLIKE = "plain summary", "summary", "check, shared prefix", "check, own prefix"
KINDS = (PLAIN, SUMMARY, SHARED, UNLIKE)
CHECKS = 4
TEXTS = 6
LONGEST_TOKENS = 900
SUMMARY_TOKENS = 100
FILLER = "The ferry to the island leaves at nine."


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the engine: the tokens of its prompt and its completion, and the seconds that the engine reports."""

    kind: str
    tokens: int
    written: int
    seconds: float


async def call(model: Model, prompt: Prompt, kind: str, num_predict: int = 1) -> Call:
    """The engine completes `prompt`. Raises SystemExit if it does not report its time."""
    top_logprobs = CANDIDATES if num_predict == 1 else 0
    completion = await model.complete(prompt, num_predict=num_predict, top_logprobs=top_logprobs)
    if completion.worked_s is None:
        raise SystemExit("the engine does not report how long it worked")
    seconds = completion.worked_s - (completion.load_s or 0)
    return Call(kind, completion.prompt_tokens, completion.completion_tokens, seconds)


async def measured(model: Model, texts: Sequence[str]) -> list[Call]:
    """Measure all texts as described above."""
    numbers = itertools.count(1)
    calls: list[Call] = []
    await call(model, check_prompt(FILLER, FILLER), SHARED)  # loads the model
    for text in texts:
        calls.append(await call(model, plain_prompt(text), PLAIN, SUMMARY_TOKENS))
        summary = summarize_prompt(text, Language("en"), SUMMARY_TOKENS)
        calls.append(await call(model, summary, SUMMARY, SUMMARY_TOKENS))
        prompts = [check_prompt(text, claim) for claim in claims_of(text)]
        calls += [await call(model, prompt, SHARED) for prompt in prompts]
        for prompt in prompts:
            unlike = replace(prompt, system=f"{next(numbers)} {prompt.system}")
            calls.append(await call(model, unlike, UNLIKE))
    return calls


def plain_prompt(text: str) -> Prompt:
    """A summary's prompt as anyone would write it."""
    return Prompt("You are a helpful assistant.", f"Summarize this text in 4 sentences:\n\n{text}")


def claims_of(text: str) -> list[str]:
    """Sentences from all over a text."""
    source = Boundaries(text)
    count = len(source.sentences)
    return [source.text_of(source.sentences[at * count // CHECKS]) for at in range(CHECKS)]


def table(calls: Sequence[Call]) -> str:
    """A row for each kind of prompt, and the ratios of their times."""
    seconds = {kind: sum(entry.seconds for entry in calls if entry.kind == kind) for kind in KINDS}
    pace = sum(entry.tokens for entry in calls if entry.kind == UNLIKE) / seconds[UNLIKE]
    lines = [head(("prompt", "calls", "tokens, mean", "written, mean", "engine's time, mean ms", "tokens read, mean"))]
    for kind in KINDS:
        own = [entry for entry in calls if entry.kind == kind]
        time_s = seconds[kind] / len(own)
        tokens, written = mean([entry.tokens for entry in own]), mean([entry.written for entry in own])
        read = f"{pace * time_s:.0f}" if kind in (SHARED, UNLIKE) else "-"
        lines.append(row((kind, len(own), f"{tokens:.0f}", f"{written:.0f}", f"{1000 * time_s:.0f}", read)))
    checked = seconds[SUMMARY] + seconds[SHARED]
    return "\n".join(
        [
            *lines,
            f"\na summary and its {CHECKS} checks: {checked / seconds[PLAIN]:.2f} of a plain summary's time, "
            f"{checked / seconds[SUMMARY]:.2f} of the summary's alone, "
            f"{checked / (seconds[SUMMARY] + seconds[UNLIKE]):.2f} of the time without a shared prefix; "
            f"{pace:.0f} tokens a second are read",
        ]
    )


@asynccontextmanager
async def embedded() -> AsyncIterator[Model]:
    """The model of the embedded engine, with one slot."""
    config = embedded_config(load_settings(embedded_num_parallel=1))
    async with EmbeddedEngine(config) as process, open_model(process.base_url, num_ctx=config.num_ctx) as model:
        yield model


def prose(most: int) -> Iterator[str]:
    """Short English prose from the corpus."""
    fitting = (marked.text for marked in load() if (marked.kind, marked.language) == ("prose", "en"))
    return itertools.islice((text for text in fitting if estimate_tokens(text) <= LONGEST_TOKENS), most)


async def run(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    async with open_model(arguments.engine, arguments.model) if arguments.engine else embedded() as model:
        print(table(await measured(model, list(prose(arguments.texts)))))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", help="an Ollama or an OpenAI API; without it the embedded engine")
    parser.add_argument("--model", help="its model; default: the first")
    parser.add_argument("--texts", type=int, default=TEXTS, help="most texts")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
