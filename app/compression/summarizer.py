"""Has the model summarize a document, part by part, and checks the sentences."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, Protocol

from app.compression.calibrator import Calibrator
from app.compression.fanout import gathered
from app.compression.parts import LEAST_PART_TOKENS, part_budget, parts
from app.compression.prompts import INSTRUCTIONS, check_prompt, completion_text, expand_prompt, summarize_prompt
from app.compression.usage import Usage, used
from app.engine.client import Prompt
from app.engine.engine import CallOptions, Engine
from app.engine.errors import EngineFailedError, PromptTooLongError
from app.settings import EngineCheck
from app.summary.calibration import Calibration, engine_support
from app.summary.check import Claim, Dropped, Judgement, Reason
from app.summary.draft import Draft, Repetitions, repeats, split_draft, without_repetitions
from app.summary.evidence import Evidence
from app.tasks import OFF_LOOP_CHARACTERS
from app.text.document import Document, read
from app.text.tokens import estimate_tokens

MOST_SUMMARY_TOKENS = 100  # per part
LEAST_SUMMARY_TOKENS = 30  # a smaller budget has no room for a useful sentence
_WINDOW = 100  # last sentences by which a model is judged
_LEAST_STANDING = 0.5  # share of them that must pass
_PROBE_EVERY = 20  # a model whose sentences mostly fail still gets one text in so many

logger = logging.getLogger("condenser")

OnClaim = Callable[[Claim], None]


class SummaryObserver(Protocol):
    """Counts the judged sentences: `stood`, or the rule that dropped it."""

    def sentence_judged(self, result: Reason | Literal["stood", "outweighed"]) -> None: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """The sentences of the model that passed and those that did not, and the usage of the calls."""

    claims: tuple[Claim, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(slots=True)
class Record:
    """The results of a model's last sentences, and how many texts it was skipped for since its last call."""

    results: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    left_out: int = 0

    @property
    def standing(self) -> float | None:
        """The share of its last sentences that passed; None until there are _WINDOW of them."""
        return sum(self.results) / len(self.results) if len(self.results) == _WINDOW else None

    @property
    def is_too_weak(self) -> bool:
        """Whether over half of its last sentences failed."""
        standing = self.standing
        return standing is not None and standing < _LEAST_STANDING


@dataclass(frozen=True, slots=True)
class _Writing:
    """How the model writes about the parts of a document, and who gets the claims early."""

    evidence: Evidence
    make_prompt: Callable[[str], Prompt]
    num_predict: int
    call_options: CallOptions
    on_claim: OnClaim | None


class Summarizer:
    """Gets summaries from `engine` and checks them. Keeps a record of each model's results."""

    def __init__(
        self, engine: Engine, min_support: float, engine_check: EngineCheck, observer: SummaryObserver | None = None
    ) -> None:
        self._engine = engine
        self._min_support = min_support
        self.calibrator = Calibrator(engine, engine_check)
        self._observer = observer
        self.records: dict[str, Record] = {}

    def is_worth_asking(self, model: str) -> bool:
        """Whether to call `model` for the next text: one whose sentences mostly fail gets one text in _PROBE_EVERY."""
        record = self.records.get(model)
        if record is None or not record.is_too_weak:
            return True
        record.left_out = (record.left_out + 1) % _PROBE_EVERY
        return record.left_out == 0

    @property
    def num_ctx(self) -> int:
        """The engine's context window, tokens."""
        return self._engine.num_ctx

    async def summarize(
        self,
        document: Document,
        evidence: Evidence,
        num_predict: int,
        question: str | None,
        call_options: CallOptions,
        on_claim: OnClaim | None = None,
    ) -> Summary:
        """The model's summary of a document, in sentences that pass the check; one call per part. Raises EngineError.

        `on_claim` gets each of them as soon as it has passed: while the model writes if only rules are checked, else
        after the call. It also gets sentences of a call that fails later and is retried.
        """

        def make_prompt(part: str) -> Prompt:
            return summarize_prompt(part, document.language, num_predict, question)

        summary = await self._written(document, evidence, make_prompt, num_predict, call_options, on_claim)
        self._note(call_options.model, summary)
        return summary

    async def expand(
        self, document: Document, evidence: Evidence, num_predict: int, call_options: CallOptions
    ) -> Summary:
        """The text that the model writes from notes, in sentences that they support. Raises EngineError."""

        def make_prompt(part: str) -> Prompt:
            return expand_prompt(part, document.language)

        return await self._written(document, evidence, make_prompt, num_predict, call_options)

    async def _written(
        self,
        document: Document,
        evidence: Evidence,
        make_prompt: Callable[[str], Prompt],
        num_predict: int,
        call_options: CallOptions,
        on_claim: OnClaim | None = None,
    ) -> Summary:
        """The checked sentences that the model writes about each part of a document."""

        def is_repeated(claim: Claim, kept: Sequence[Claim]) -> bool:
            return repeats(claim.text, [earlier.text for earlier in kept], document.language)

        if on_claim is not None:
            on_claim = _without_repeated(on_claim, Repetitions(is_repeated))
        writing = _Writing(evidence, make_prompt, num_predict, call_options, on_claim)
        budget = part_budget(self._engine.num_ctx, make_prompt, num_predict)
        if len(document.text) >= OFF_LOOP_CHARACTERS:
            await asyncio.to_thread(evidence.prepare)
        most = self._engine.queue.most_concurrency
        summaries = await gathered(parts(document, budget), most, partial(self._about, writing))
        summary = _joined(summaries)
        claims, repeated = without_repetitions(summary.claims, is_repeated)
        return replace(summary, claims=claims, dropped=summary.dropped + repeated)

    async def _about(self, writing: "_Writing", part: str) -> Summary:
        """The checked sentences about a part of the document."""
        prompt = writing.make_prompt(part)
        draft = Draft(writing.evidence, self._min_support, INSTRUCTIONS, writing.on_claim)
        calibration = self.calibrator.calibration_of(writing.call_options.model)

        def read_completion(text: str) -> None:
            draft.read(completion_text(text, was_cut=False))

        # The engine check waits for the whole completion: a check in parallel would take another slot, whose prefix
        # cache does not hold the text.
        on_text = read_completion if writing.on_claim is not None and calibration is None else None
        try:
            call = await self._engine.complete(
                prompt,
                num_predict=writing.num_predict,
                call_options=writing.call_options,
                on_text=on_text,
                meanwhile=writing.evidence.prepare,
            )
        except PromptTooLongError as error:
            return await _in_halves(part, str(error), partial(self._about, writing))
        self.calibrator.calibrate_once(writing.call_options.model)
        text = completion_text(call.completion.text, call.completion.was_cut)
        checked_in = await self._check(draft, split_draft(text), part, calibration, writing.call_options)
        return Summary(tuple(draft.claims), tuple(draft.dropped), used(call, prompt) + checked_in)

    async def _check(
        self, draft: Draft, pieces: Sequence[str], part: str, calibration: Calibration | None, call_options: CallOptions
    ) -> Usage:
        """Judge the remaining sentences of a draft about `part`; returns the usage of the calls for log-odds."""
        usage = Usage()
        # Sequential, so that each call finds the part in the engine's prefix cache.
        for sentence in draft.unjudged(pieces):
            judgement = draft.judge(sentence)
            if calibration is not None and judgement.is_open:
                odds, spent = await self.calibrator.log_odds(check_prompt(part, sentence), call_options)
                usage += spent
                judgement = self._reconsidered(judgement, odds, calibration)
            draft.put(sentence, judgement)
        return usage

    def _reconsidered(self, judgement: Judgement, odds: float | None, calibration: Calibration) -> Judgement:
        """The judgement with the engine's log-odds; unchanged if there are none."""
        if odds is None:
            return judgement
        support = engine_support(judgement, odds, calibration)
        return replace(judgement, support=support, reason=None if support >= self._min_support else "engine")

    async def aclose(self) -> None:
        """Cancel the running calibrations."""
        await self.calibrator.aclose()

    def _note(self, model: str, summary: Summary) -> None:
        """Record the results of a model's sentences."""
        record = self.records.setdefault(model, Record())
        was_too_weak = record.is_too_weak
        record.results.extend([True] * len(summary.claims) + [False] * len(summary.dropped))
        if record.is_too_weak and not was_too_weak:
            logger.warning(
                "most sentences of the model do not stand: method auto leaves it out, and probes it now and then",
                extra={"model": model, "standing": record.standing},
            )
        if self._observer is not None:
            for _ in summary.claims:
                self._observer.sentence_judged("stood")
            for sentence in summary.dropped:
                self._observer.sentence_judged(sentence.reason)


def _without_repeated(on_claim: OnClaim, passed_on: Repetitions) -> OnClaim:
    """Passes to `on_claim` what repeats nothing that was passed on before."""

    def pass_on(claim: Claim) -> None:
        if passed_on.objection(claim) is None:
            on_claim(claim)

    return pass_on


async def _in_halves(part: str, refusal: str, about: Callable[[str], Awaitable[Summary]]) -> Summary:
    """The summary of a part that the engine rejected as too long, from its halves."""
    tokens = estimate_tokens(part)
    if tokens <= LEAST_PART_TOKENS:
        raise EngineFailedError(f"the engine refuses even a prompt of about {tokens} tokens: {refusal}")
    halves = parts(read(part), max(LEAST_PART_TOKENS, tokens // 2 + 1))
    return _joined([await about(half) for half in halves])


def _joined(summaries: Sequence[Summary]) -> Summary:
    return Summary(
        tuple(claim for summary in summaries for claim in summary.claims),
        tuple(sentence for summary in summaries for sentence in summary.dropped),
        sum((summary.usage for summary in summaries), Usage()),
    )
