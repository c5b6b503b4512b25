"""Asks the model for a summary of a document, part by part, and checks its sentences."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from app.compression.fanout import gathered
from app.compression.parts import LEAST_PART_TOKENS, part_budget, parts
from app.compression.prompts import INSTRUCTIONS, check_prompt, completion_text, expand_prompt, summarize_prompt
from app.compression.usage import Usage, used
from app.engine.client import Prompt
from app.engine.engine import CallOptions, Engine
from app.engine.errors import EngineError, EngineFailedError, PromptTooLongError
from app.settings import EngineCheck
from app.summary.calibration import EXAMPLES, Calibration, calibrated, engine_support
from app.summary.check import Claim, Dropped, Judgement, Reason
from app.summary.draft import Draft, Repetitions, repeats, split_draft, without_repetitions
from app.summary.evidence import Evidence
from app.tasks import end
from app.text.document import Document, read
from app.text.tokens import estimate_tokens

MOST_SUMMARY_TOKENS = 100  # a part
LEAST_SUMMARY_TOKENS = 30  # below it no whole sentence that is worth a call fits
_CANDIDATES = 20  # first tokens whose log probabilities are asked for
_WINDOW = 100  # sentences by which a model is judged
_LEAST_STANDING = 0.5  # of them
_PROBE_EVERY = 20  # texts of which a model whose sentences mostly fall still gets one
_CALIBRATION_LIMIT_S = 600.0
_UNCALIBRATED = Calibration(middle=0.0, slope=1.0)  # for a model that is asked whatever it is worth
_UNSURE = 0.001  # of the probability, below which an answer is neither yes nor no

logger = logging.getLogger("condenser")


OnClaim = Callable[[Claim], None]


class SummaryObserver(Protocol):
    """Is told what became of each sentence that a model wrote: `stood`, or the rule that dropped it."""

    def sentence_judged(self, result: Reason | Literal["stood", "outweighed"]) -> None: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """The sentences of the model's that stand and those that do not, and what the calls took."""

    claims: tuple[Claim, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(slots=True)
class Record:
    """How a model's last sentences fared, and how many texts it was left out of since its last one."""

    results: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    left_out: int = 0

    @property
    def standing(self) -> float | None:
        """The share of its last sentences that stood; None before there were enough of them."""
        return sum(self.results) / len(self.results) if len(self.results) == _WINDOW else None

    @property
    def is_too_weak(self) -> bool:
        """Whether over half of its last sentences fell."""
        standing = self.standing
        return standing is not None and standing < _LEAST_STANDING


class Summarizer:
    """Has summaries written and checked by `engine`. Keeps a record of how each model's sentences fare."""

    def __init__(
        self, engine: Engine, min_support: float, engine_check: EngineCheck, observer: SummaryObserver | None = None
    ) -> None:
        self._engine = engine
        self._min_support = min_support
        self._engine_check = engine_check
        self._observer = observer
        self._calibrations: dict[str, asyncio.Task[Calibration | None]] = {}
        self.records: dict[str, Record] = {}

    def is_worth_asking(self, model: str) -> bool:
        """Whether `model` is asked for the next text: a model whose sentences mostly fall gets one in _PROBE_EVERY."""
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
        """The model's summary of a document, in sentences that stand; one call a part. Raises EngineError.

        `on_claim` is given each of them as soon as it has passed all of the check: as the model writes, where rules are
        all of it, else when the model has written its part. Those of a call that is then made again are among them.
        """

        def make_prompt(part: str) -> Prompt:
            return summarize_prompt(part, document.language, num_predict, question)

        summary = await self._written(document, evidence, make_prompt, num_predict, call_options, on_claim)
        self._note(call_options.model, summary)
        return summary

    async def expand(
        self, document: Document, evidence: Evidence, num_predict: int, call_options: CallOptions
    ) -> Summary:
        """The text that the model writes from notes, in sentences that stand by them. Raises EngineError."""

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
        """What the model writes about each part of a document, its sentences checked."""

        def is_repeated(claim: Claim, kept: Sequence[Claim]) -> bool:
            return repeats(claim.text, [earlier.text for earlier in kept], document.language)

        passed_on = Repetitions(is_repeated)

        def pass_on(claim: Claim) -> None:
            if on_claim is not None and passed_on.objection(claim) is None:
                on_claim(claim)

        async def about(part: str) -> Summary:
            prompt = make_prompt(part)
            draft = Draft(evidence, self._min_support, INSTRUCTIONS, pass_on)
            calibration = self._calibration_of(call_options.model)

            def read(text: str) -> None:
                draft.read(completion_text(text, was_cut=False))

            # The engine's part of the check waits for the whole completion: beside it, a check would take another slot,
            # in which the text is not in the prefix cache.
            on_text = read if on_claim is not None and calibration is None else None
            try:
                call = await self._engine.complete(
                    prompt, num_predict=num_predict, call_options=call_options, on_text=on_text
                )
            except PromptTooLongError as error:
                return await _in_halves(part, str(error), about)
            self._calibrate_once(call_options.model)
            text = completion_text(call.completion.text, call.completion.was_cut)
            checked_in = await self._check(draft, split_draft(text), part, calibration, call_options)
            return Summary(tuple(draft.claims), tuple(draft.dropped), used(call, prompt) + checked_in)

        budget = part_budget(self._engine.num_ctx, make_prompt, num_predict)
        summaries = await gathered(parts(document, budget), self._engine.gate.most_concurrency, about)
        summary = _joined(summaries)
        claims, repeated = without_repetitions(summary.claims, is_repeated)
        return replace(summary, claims=claims, dropped=summary.dropped + repeated)

    async def _check(
        self,
        draft: Draft,
        sentences: Sequence[str],
        part: str,
        calibration: Calibration | None,
        call_options: CallOptions,
    ) -> Usage:
        """Judge what is left of the sentences of a draft about `part`, by rules and by the model's own log-odds.

        Returns what the calls for the log-odds took.
        """
        usage = Usage()
        # One after the other, so that each finds the part in the engine's prefix cache.
        for sentence in draft.unjudged(sentences):
            judgement = draft.judge(sentence)
            if calibration is not None and judgement.is_open:
                odds, spent = await self._log_odds(check_prompt(part, sentence), call_options)
                usage += spent
                judgement = self._reconsidered(judgement, odds, calibration)
            draft.put(sentence, judgement)
        return usage

    def _reconsidered(self, judgement: Judgement, odds: float | None, calibration: Calibration) -> Judgement:
        """The judgement with the engine's log-odds; as it was where there are none."""
        if odds is None:
            return judgement
        support = engine_support(judgement, odds, calibration)
        return replace(judgement, support=support, reason=None if support >= self._min_support else "engine")

    async def _log_odds(self, prompt: Prompt, call_options: CallOptions) -> tuple[float | None, Usage]:
        """The log-odds of yes against no; None where the engine fails or gives no log probabilities."""
        try:
            call = await self._engine.complete(
                prompt, num_predict=1, call_options=call_options, top_logprobs=_CANDIDATES
            )
        except EngineError:
            return None, Usage()
        first = call.completion.first_token
        return None if first is None else log_odds(first), used(call, prompt)

    def _calibration_of(self, model: str) -> Calibration | None:
        """The calibration of `model`; None until it is known, and where the model is not asked."""
        task = self._calibrations.get(model)
        if task is None or not task.done() or task.cancelled() or self._engine.can_score is False:
            return None
        return task.result()

    def _calibrate_once(self, model: str) -> None:
        """Have the calibration of `model` made in the background.

        That begins behind the first summary: at the start the first request would wait for it.
        """
        if self._engine_check == "off" or self._engine.can_score is False or model in self._calibrations:
            return
        # In a context of its own: neither its log lines nor its spans are those of the request that came first.
        self._calibrations[model] = asyncio.create_task(self.calibrate(model), context=Context())

    async def calibrate(self, model: str) -> Calibration | None:
        """Try `model` as a judge of claims. None where it does not tell true from false; never raises EngineError."""
        call_options = CallOptions(model, asyncio.get_running_loop().time() + _CALIBRATION_LIMIT_S, "batch")
        odds: dict[bool, list[float]] = {True: [], False: []}
        for example in EXAMPLES:
            for is_true, claims in ((True, example.true), (False, example.false)):
                for claim in claims:
                    claim_odds, _ = await self._log_odds(check_prompt(example.text, claim), call_options)
                    if claim_odds is None:
                        return None
                    odds[is_true].append(claim_odds)
        calibration = calibrated(odds[True], odds[False])
        if calibration is None and self._engine_check == "on":
            calibration = _UNCALIBRATED
        logger.info(
            "the model judges its own sentences"
            if calibration
            else "the model does not tell true claims from false ones",
            extra={"model": model},
        )
        return calibration

    async def aclose(self) -> None:
        """End what runs in the background."""
        await end(self._calibrations.values())

    def _note(self, model: str, summary: Summary) -> None:
        """Keep what became of a model's sentences."""
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


async def _in_halves(part: str, refusal: str, about: Callable[[str], Awaitable[Summary]]) -> Summary:
    """The summary of a part that the engine found too long, by its halves."""
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


def log_odds(first_token: Mapping[str, float]) -> float | None:
    """The log-odds of yes against no in the log probabilities of an answer's first token; None where it is neither."""
    yes = sum(math.exp(value) for token, value in first_token.items() if token.strip().lower() == "yes")
    no = sum(math.exp(value) for token, value in first_token.items() if token.strip().lower() == "no")
    if yes + no < _UNSURE:
        return None
    return math.log(max(yes, 1e-9)) - math.log(max(no, 1e-9))
