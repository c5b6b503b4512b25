"""What the engine's prefix cache saves: a summary of a text and the checks of its sentences share the text's front.

    .venv/bin/python -m benchmarks.prefix                                  # embedded engine, one slot
    .venv/bin/python -m benchmarks.prefix --engine http://127.0.0.1:11434  # an Ollama or OpenAI API that tells times

A real Ollama is to run with OLLAMA_NUM_PARALLEL=1 and to have nothing else to do: with more slots it takes the free
one that has most of the prompt, which may not be the one of the call before.

For each text the engine reads the summary's prompt, with another text in its slot before, then those of four checks.
Then the same checks, each with a number before the system
prompt, another one each time, so that they share no front. The completion is one token, so that the engine's time is
that of reading. Tokens read are that time by the pace of the prompts without a shared front: Ollama reports the length
of the whole prompt as prompt_eval_count, cached or not, but prompt_eval_duration is the time of the rest.
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

SUMMARY, SHARED, UNLIKE = "summary", "check, front shared", "check, front unlike"
CHECKS = 4
TEXTS = 6
LONGEST_TOKENS = 900
FILLER = "The ferry to the island leaves at nine."


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt of so many tokens, and the engine's word for how long it took."""

    kind: str
    tokens: int
    seconds: float


async def read_by(model: Model, prompt: Prompt, kind: str) -> Read:
    """Have the engine read `prompt`. Raises SystemExit where it does not tell its time."""
    completion = await model.complete(prompt, num_predict=1)
    if completion.worked_s is None:
        raise SystemExit("the engine does not tell how long it worked")
    return Read(kind, completion.prompt_tokens, completion.worked_s)


async def measured(model: Model, texts: Sequence[str]) -> list[Read]:
    """All texts, as the module's docstring says."""
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
    """Sentences of a text, spread over it."""
    found = Boundaries(text)
    count = len(found.sentences)
    return [found.text_of(found.sentences[at * count // CHECKS]) for at in range(CHECKS)]


def table(reads: Sequence[Read]) -> str:
    """A line for each kind of prompt, and what is saved."""
    unlike = [one for one in reads if one.kind == UNLIKE]
    pace = sum(one.tokens for one in unlike) / sum(one.seconds for one in unlike)
    lines = [head(("prompt", "calls", "tokens, mean", "engine's time, mean ms", "tokens read, mean"))]
    for kind in (SUMMARY, SHARED, UNLIKE):
        own = [one for one in reads if one.kind == kind]
        seconds = mean([one.seconds for one in own])
        tokens = mean([one.tokens for one in own])
        lines.append(row((kind, len(own), f"{tokens:.0f}", f"{1000 * seconds:.0f}", f"{pace * seconds:.0f}")))
    with_cache = sum(one.seconds for one in reads if one.kind in (SUMMARY, SHARED))
    without = sum(one.seconds for one in reads if one.kind in (SUMMARY, UNLIKE))
    saved = f"a summary and its {CHECKS} checks: {with_cache / without:.2f} of the time without a shared front"
    return "\n".join([*lines, f"\n{saved}, {pace:.0f} tokens a second"])


@asynccontextmanager
async def embedded() -> AsyncIterator[Model]:
    """The model of the embedded engine, with one slot."""
    config = embedded_config(load_settings(embedded_num_parallel=1))
    async with EmbeddedEngine(config) as process, open_model(process.base_url, num_ctx=config.num_ctx) as model:
        yield model


def prose(most: int) -> Iterator[str]:
    """English prose of the corpus that a call reads soon."""
    fitting = (one.text for one in load() if (one.kind, one.language) == ("prose", "en"))
    return itertools.islice((text for text in fitting if estimate_tokens(text) <= LONGEST_TOKENS), most)


async def run(wished: argparse.Namespace) -> None:
    """Measure and print."""
    async with open_model(wished.engine, wished.model) if wished.engine else embedded() as model:
        print(table(await measured(model, list(prose(wished.texts)))))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", help="an Ollama or an OpenAI API; without it the embedded engine")
    parser.add_argument("--model", help="its model; left out: the first one")
    parser.add_argument("--texts", type=int, default=TEXTS, help="how many at most")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
