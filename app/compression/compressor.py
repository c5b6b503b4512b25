"""Compress a text: the model writes the gist, repair makes it safe, the capsule keeps the way back."""

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

from app.capsule.facts import find_literals
from app.capsule.format import Capsule, Fidelity, capsule_bytes, seal
from app.capsule.lexicon import forget_locales
from app.capsule.pieces import join
from app.capsule.prompts import PROMPT_VERSION, summarize_prompt
from app.capsule.report import Repaired, Report
from app.capsule.skim import skim
from app.capsule.tokens import estimate_tokens
from app.compression.model_calls import Answer, Usage, ask
from app.compression.safety import check, explored, summarized
from app.compression.threads import Beforehand, in_thread, off_loop
from app.engine.engine import Engine, Terms
from app.engine.errors import EngineError, ModelNotFoundError

Method = Literal["verbatim", "abstractive", "extractive"]
OnEngineError = Literal["fail", "extractive"]

_TOO_SHORT_TOKENS = 24  # below it a summary with its facts is as long as the text
_GIST_RATIO = 0.2  # of the source's tokens, for the sentences that the model writes where no target is given
_FEWEST_GIST_TOKENS = 24
_MOST_GIST_TOKENS = 40  # "one short sentence"; the facts come back verbatim
READ_SHARE = 0.5  # of the source's tokens that the model reads (benchmarks/economy.py)


@dataclass(frozen=True, slots=True)
class Compression:
    """What to compress and how.

    `target_ratio`: wished tokens of the result over the source's, 0.05 to 0.9. `max_engine_calls`: model calls at most,
    None for one for each part of the text; what the model is not asked about is told by the text's own clauses.
    """

    text: str
    fidelity: Fidelity = "exact"
    target_ratio: float | None = None
    question: str | None = None
    must_keep: tuple[str, ...] = ()
    on_engine_error: OnEngineError = "fail"
    max_engine_calls: int | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of source, result and capsule. Tokens are the model's count where it counted, else estimated."""

    source_tokens: int
    compressed_tokens: int
    source_bytes: int
    capsule_bytes: int


@dataclass(frozen=True, slots=True)
class Compressed:
    """The result of a compression. `engine_failed`: it was made without the model, which was wished for."""

    text: str
    method: Method
    capsule: Capsule
    report: Report
    sizes: Sizes
    usage: Usage
    engine_failed: bool = False


class Compressor:
    """Compresses with `engine`. Keeps what a model counts for the prompt around a text, once measured."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._frame_tokens: int | None = None

    async def warm_up(self, terms: Terms) -> None:
        """Load the default model and the fact finder's tables, have the prompt's constant front cached and counted."""
        await asyncio.to_thread(check, "Warm-up on 1 May at 10:30.", ())
        forget_locales()
        await self._engine.preload(terms.deadline)
        call = await self._engine.complete(summarize_prompt(""), num_predict=1, terms=terms)
        self._frame_tokens = call.completion.prompt_tokens or None

    async def compress(self, wish: Compression, terms: Terms) -> Compressed:
        """Compress a text on `terms`.

        Raises LiteralNotFoundError where a must_keep string is not in the text, and EngineError unless the wish
        says to go on without the model.
        """
        text, size = wish.text, len(wish.text)
        find_literals(text, wish.must_keep)
        tokens = await off_loop(lambda: estimate_tokens(text), size)
        if tokens <= _TOO_SHORT_TOKENS or text.isspace():
            return await in_thread(lambda: _verbatim(wish, tokens, terms.model), size)
        async with Beforehand(lambda: explored(wish.text, wish.must_keep), size) as read:
            asked = text if wish.question else await off_loop(lambda: skim(text, READ_SHARE), size)
            first = await self._one_round(Answer(asked, Usage()), wish, replace(terms, on_place=read.begin))
            source_tokens = self._source_tokens(first.usage, wish, tokens, asked, terms)
            answer = await self._within_target(first, wish, tokens, terms)
            checked = await read.result()
        target = None if wish.target_ratio is None else int(tokens * wish.target_ratio)

        def result() -> Compressed:
            repaired = summarized(checked, answer.text, question=wish.question, target=target)
            made = _sealed(wish, repaired, answer.usage, source_tokens, terms.model)
            return replace(made, engine_failed=first.failed or answer.failed)

        return await in_thread(result, size)

    async def _one_round(self, before: Answer, wish: Compression, terms: Terms) -> Answer:
        """The model's summary of a text, or of a summary; empty where it failed and the wish says to go on."""
        try:
            answer = await ask(
                self._engine,
                before.text,
                lambda part: summarize_prompt(part, wish.question),
                lambda part_tokens: gist_tokens(part_tokens, wish.target_ratio),
                terms,
                max_calls=self._calls_left(before, wish),
            )
        except EngineError as error:
            if wish.on_engine_error == "fail" or isinstance(error, ModelNotFoundError):
                raise
            return Answer("", before.usage, failed=True)
        return Answer(answer.text, before.usage + answer.usage)

    def _calls_left(self, before: Answer, wish: Compression) -> int | None:
        return None if wish.max_engine_calls is None else wish.max_engine_calls - before.usage.calls

    async def _within_target(self, answer: Answer, wish: Compression, tokens: int, terms: Terms) -> Answer:
        """Sum the summary up again while it is over the target, as far as the wish pays for more calls."""
        if wish.target_ratio is None:
            return answer
        target = max(_MOST_GIST_TOKENS, int(wish.target_ratio * tokens))
        while (self._calls_left(answer, wish) or 0) > 0 and estimate_tokens(answer.text) > target:
            shorter = await self._one_round(answer, wish, terms)
            if estimate_tokens(shorter.text) >= estimate_tokens(answer.text):
                return Answer(answer.text, shorter.usage)
            answer = shorter
        return answer

    def _source_tokens(self, usage: Usage, wish: Compression, estimated: int, asked: str, terms: Terms) -> int:
        """The source's tokens, `estimated`, by the model's own count of what it was `asked` about.

        Where the frame around that has not been counted, the estimate.
        """
        frame = self._frame_tokens
        if (
            wish.max_engine_calls is not None
            or not usage.calls
            or frame is None
            or wish.question
            or terms.model != self._engine.default_model
        ):
            return estimated
        counted = max(1, usage.prompt_tokens - usage.calls * frame)
        return max(1, round(counted * estimated / (estimate_tokens(asked) or 1)))


def _verbatim(wish: Compression, tokens: int, model: str) -> Compressed:
    return _sealed(wish, check(wish.text, wish.must_keep).verbatim(), Usage(), tokens, model)


def _sealed(
    wish: Compression,
    repaired: Repaired,
    usage: Usage,
    source_tokens: int,
    model: str,
) -> Compressed:
    capsule = seal(
        wish.text,
        join(repaired.pieces, wish.text),
        fidelity=wish.fidelity,
        tokens=source_tokens,
        model=model,
        prompt_version=PROMPT_VERSION,
    )
    is_verbatim = repaired.text == wish.text
    # Estimates of both texts are off by the same factor, so the model's count of one scales the other.
    scale = source_tokens / (estimate_tokens(wish.text) or 1)
    sizes = Sizes(
        source_tokens=source_tokens,
        compressed_tokens=source_tokens if is_verbatim else round(estimate_tokens(repaired.text) * scale),
        source_bytes=len(wish.text.encode()),
        capsule_bytes=capsule_bytes(capsule),
    )
    method: Method = "verbatim" if is_verbatim else "abstractive" if repaired.has_written_sentences else "extractive"
    return Compressed(repaired.text, method, capsule, repaired.report, sizes, usage)


def gist_tokens(part_tokens: int, target_ratio: float | None) -> int:
    """Most tokens that the model may write about a part: half of the target, the other half is for facts."""
    ratio = _GIST_RATIO if target_ratio is None else target_ratio / 2
    return min(_MOST_GIST_TOKENS, max(_FEWEST_GIST_TOKENS, int(part_tokens * ratio)))
