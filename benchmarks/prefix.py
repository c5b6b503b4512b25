"""Time saved by the engine's prefix cache: the summary of a text and the checks of its sentences share a prefix.

    .venv/bin/python -m benchmarks.prefix                                  # embedded engine, one slot
    .venv/bin/python -m benchmarks.prefix --engine http://127.0.0.1:11434  # an Ollama or OpenAI API that reports times

A real Ollama must run with OLLAMA_NUM_PARALLEL=1 and without other calls: with more slots it uses the free slot
with the longest common prefix, which may not be that of the previous call.

For each text, the engine first reads another text, then the prompt of the summary and those of four checks. Then it
reads the same checks with a different number before each system prompt, so that they share no prefix. The completion is
a single token, so the engine's time is reading time. "Tokens read" is that time multiplied by the pace of the prompts
without a shared prefix: Ollama reports the whole length of a prompt as prompt_eval_count, cached or not, but
prompt_eval_duration is the time for the rest.
"""

import argparse
import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

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

SUMMARY, SHARED, UNLIKE = "summary", "check, shared prefix", "check, own prefix"
CHECKS = 4
TEXTS = 6
LONGEST_TOKENS = 900
FILLER = "The ferry to the island leaves at nine."


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt: its tokens, and the seconds that the engine reports for it."""

    kind: str
    tokens: int
    seconds: float


async def read_by(model: Model, prompt: Prompt, kind: str) -> Read:
    """The engine reads `prompt`. Raises SystemExit if it does not report its time."""
    completion = await model.complete(prompt, num_predict=1)
    if completion.worked_s is None:
        raise SystemExit("the engine does not report how long it worked")
    return Read(kind, completion.prompt_tokens, completion.worked_s)


async def measured(model: Model, texts: Sequence[str]) -> list[Read]:
    """Measure all texts as described above."""
    numbers = itertools.count(1)
    reads = []
    for text in texts:
        await read_by(model, check_prompt(FILLER, FILLER), "")
        reads.append(await read_by(model, summarize_prompt(text, Language("en"), 100), SUMMARY))
        prompts = [check_prompt(text, claim) for claim in claims_of(text)]
        reads += [await read_by(model, prompt, SHARED) for prompt in prompts]
        for prompt in prompts:
            unlike = replace(prompt, system=f"{next(numbers)} {prompt.system}")
            reads.append(await read_by(model, unlike, UNLIKE))
    return reads


def claims_of(text: str) -> list[str]:
    """Sentences from all over a text."""
    source = Boundaries(text)
    count = len(source.sentences)
    return [source.text_of(source.sentences[at * count // CHECKS]) for at in range(CHECKS)]


def table(reads: Sequence[Read]) -> str:
    """A row for each kind of prompt, and the saved time."""
    unlike = [entry for entry in reads if entry.kind == UNLIKE]
    pace = sum(entry.tokens for entry in unlike) / sum(entry.seconds for entry in unlike)
    lines = [head(("prompt", "calls", "tokens, mean", "engine's time, mean ms", "tokens read, mean"))]
    for kind in (SUMMARY, SHARED, UNLIKE):
        own = [entry for entry in reads if entry.kind == kind]
        seconds = mean([entry.seconds for entry in own])
        tokens = mean([entry.tokens for entry in own])
        lines.append(row((kind, len(own), f"{tokens:.0f}", f"{1000 * seconds:.0f}", f"{pace * seconds:.0f}")))
    with_cache = sum(entry.seconds for entry in reads if entry.kind in (SUMMARY, SHARED))
    without = sum(entry.seconds for entry in reads if entry.kind in (SUMMARY, UNLIKE))
    saved = f"a summary and its {CHECKS} checks: {with_cache / without:.2f} of the time without a shared prefix"
    return "\n".join([*lines, f"\n{saved}, {pace:.0f} tokens a second"])


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
