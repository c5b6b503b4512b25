"""Chooses the claims and units of a result so that its text meets the budget, and puts the text together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.summary.check import Claim
from app.summary.report import Passage, arrange, compose
from app.summary.select import LEAST_FILLED, TOLERANCE, Selection, SelectionOptions, Selector, select
from app.text.document import Document
from app.text.span import Span
from app.text.tokens import estimate_tokens

TOO_SHORT_TOKENS = 24  # a shorter text stays as it is
_VERBATIM_RATIO = 0.95  # of the source's tokens: if the result is not shorter, the source is returned instead
_MOST_TRIES = 4  # to meet the budget of a text with forms


@dataclass(frozen=True, slots=True)
class Choice:
    """The text of a result, its passages, and the units and claims that it consists of."""

    text: str
    passages: tuple[Passage, ...]
    units: frozenset[int]
    claims: Sequence[Claim]


def choice_of(document: Document, taken: Sequence[Claim], units: frozenset[int]) -> Choice:
    """The text of the chosen claims and units; the source itself if that is hardly longer."""
    text, passages = compose(document, arrange(taken, units))
    if is_worth_having(text, document.tokens):
        return Choice(text, passages, units, taken)
    return Choice(document.text, _whole(document), frozenset(range(len(document.units))), ())


def is_worth_having(text: str, source_tokens: int) -> bool:
    """Whether a result is enough shorter than its source to be returned instead of it."""
    return source_tokens > TOO_SHORT_TOKENS and bool(text) and estimate_tokens(text) < _VERBATIM_RATIO * source_tokens


def chosen_for(
    document: Document,
    claims: Sequence[Claim],
    options: SelectionOptions,
    composed_tokens: Callable[[Selection], int] | None = None,
) -> Selection:
    """Select so that the composed result, which has `composed_tokens`, meets the budget.

    Omission marks, brackets and column names of a form cost tokens that no part accounts for: the budget is corrected
    by them and the selection repeated.
    """

    def tokens_of(chosen: Selection) -> int:
        slices = arrange([claims[at] for at in chosen.claims], chosen.units)
        return estimate_tokens(compose(document, slices)[0])

    if options.budget is None or all(block.form is None for block in document.blocks):
        return select(document, claims, options)
    selector = Selector(document, claims, options)
    tried: list[tuple[float, Selection]] = []
    budget = options.budget
    for _ in range(_MOST_TRIES):
        chosen = selector.select(budget)
        share = max(1, (composed_tokens or tokens_of)(chosen)) / max(1, options.budget)
        tried.append((abs(math.log(share)), chosen))
        if LEAST_FILLED <= share <= TOLERANCE:
            break
        budget = round(budget / share)
    return min(tried, key=lambda attempt: attempt[0])[1]


def first_within(claims: Sequence[Claim], budget: int | None) -> Sequence[Claim]:
    """As many of the first claims as fit the budget, at least one."""
    if budget is None:
        return claims
    totals = accumulate(estimate_tokens(claim.text) for claim in claims)
    return claims[: max(1, sum(total <= budget * TOLERANCE for total in totals))]


def _whole(document: Document) -> tuple[Passage, ...]:
    """The passages of a result that is the source itself: one, or none if the source has no units."""
    if not document.units:
        return ()
    start, end = document.units[0].start, document.units[-1].end
    return (Passage(start, end, "source", (Span(start, end),)),)
