"""Has the model summarize a document, part by part, and checks the sentences."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
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
from app.summary.calibration import EXAMPLES, Calibration, calibrated, engine_support, log_odds
from app.summary.check import Claim, Dropped, Judgement, Reason
from app.summary.draft import Draft, Repetitions, repeats, split_draft, without_repetitions
from app.summary.evidence import Evidence
from app.tasks import OFF_LOOP_CHARACTERS, end
from app.text.document import Document, read
from app.text.tokens import estimate_tokens

MOST_SUMMARY_TOKENS = 100  # per part
LEAST_SUMMARY_TOKENS = 30  # a smaller budget has no room for a useful sentence
_CANDIDATES = 20  # first tokens whose log probabilities are requested
_WINDOW = 100  # last sentences by which a model is judged
_LEAST_STANDING = 0.5  # share of them that must pass
_PROBE_EVERY = 20  # a model whose sentences mostly fail still gets one text in so many
_CALIBRATION_LIMIT_S = 600.0
_UNCALIBRATED = Calibration(middle=0.0, slope=1.0)  # if the setting asks for a check that calibration rejects

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


class Summarizer:
    """Gets summaries from `engine` and checks them. Keeps a record of each model's results."""

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

            # The engine check waits for the whole completion: a check in parallel would take another slot, whose prefix
            # cache does not hold the text.
            on_text = read if on_claim is not None and calibration is None else None
            try:
                call = await self._engine.complete(
                    prompt,
                    num_predict=num_predict,
                    call_options=call_options,
                    on_text=on_text,
                    meanwhile=evidence.prepare,
                )
            except PromptTooLongError as error:
                return await _in_halves(part, str(error), about)
            self._calibrate_once(call_options.model)
            text = completion_text(call.completion.text, call.completion.was_cut)
            checked_in = await self._check(draft, split_draft(text), part, calibration, call_options)
            return Summary(tuple(draft.claims), tuple(draft.dropped), used(call, prompt) + checked_in)

        budget = part_budget(self._engine.num_ctx, make_prompt, num_predict)
        if len(document.text) >= OFF_LOOP_CHARACTERS:
            await asyncio.to_thread(evidence.prepare)
        summaries = await gathered(parts(document, budget), self._engine.queue.most_concurrency, about)
        summary = _joined(summaries)
        claims, repeated = without_repetitions(summary.claims, is_repeated)
        return replace(summary, claims=claims, dropped=summary.dropped + repeated)

    async def _check(
        self, draft: Draft, pieces: Sequence[str], part: str, calibration: Calibration | None, call_options: CallOptions
    ) -> Usage:
        """Judge the remaining sentences of a draft about `part`; returns the usage of the calls for log-odds."""
        usage = Usage()
        # Sequential, so that each call finds the part in the engine's prefix cache.
        for sentence in draft.unjudged(pieces):
            judgement = draft.judge(sentence)
            if calibration is not None and judgement.is_open:
                odds, spent = await self._log_odds(check_prompt(part, sentence), call_options)
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

    async def _log_odds(self, prompt: Prompt, call_options: CallOptions) -> tuple[float | None, Usage]:
        """The log-odds of yes against no; None if the engine fails or returns no log probabilities."""
        try:
            call = await self._engine.complete(
                prompt, num_predict=1, call_options=call_options, top_logprobs=_CANDIDATES
            )
        except EngineError:
            return None, Usage()
        first = call.completion.first_token
        return None if first is None else log_odds(first), used(call, prompt)

    def _calibration_of(self, model: str) -> Calibration | None:
        """The calibration of `model`; None until it is complete, and if the model is not used as a judge."""
        task = self._calibrations.get(model)
        if task is None or not task.done() or task.cancelled() or self._engine.can_score is False:
            return None
        return task.result()

    def _calibrate_once(self, model: str) -> None:
        """Start the calibration of `model` in the background, unless it was started before.

        It starts after the first summary: at startup it would delay the first request.
        """
        if self._engine_check == "off" or self._engine.can_score is False or model in self._calibrations:
            return
        # In its own context: its log lines and spans do not belong to the request that started it.
        self._calibrations[model] = asyncio.create_task(self.calibrate(model), context=Context())

    async def calibrate(self, model: str) -> Calibration | None:
        """Test `model` as a judge of claims. None if it does not separate true from false; never raises EngineError."""
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
        """Cancel the running calibrations."""
        await end(self._calibrations.values())

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
