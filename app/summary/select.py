"""Chooses what a result consists of: claims of the model's and whole units of the source, by worth per token.

Greedy maximum coverage under a budget (Khuller, Moss and Naor 1999): what adds most worth for its tokens comes next.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.summary.check import Claim
from app.summary.closures import Closures
from app.summary.sentence import sentence_of
from app.summary.worth import facts_among, worth_of
from app.text.blocks import PROSE
from app.text.document import Document
from app.text.language import share_in

TOLERANCE = 1.1  # of the budget: the limit of a result that would not be full otherwise
_NEAR = 1.06  # of the budget: results are as often a little over it as under it
LEAST_FILLED = 0.85  # of the budget: a result with less is filled with minor units
_SEPARATOR_TOKENS = 1
_ROUNDING = 1e-9

_SMALL_FORM = 300  # tokens; a smaller form is kept whole if no budget is given
_RESTATED = 0.3  # of a unit's content in a claim, and of the claim's in the unit: then the claim replaces the unit
_CONDENSED = 0.5  # of the worth, and of the facts, of the units that a claim replaces, that it must have
_REPEATED = 0.8  # of a unit's content in the claims: then it says nothing new


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """How much of a document to select: `budget` tokens or, if that is None, the share `coverage` of its worth.

    `must_keep`: units that are selected whatever they cost.
    """

    budget: int | None
    coverage: float
    question: str | None = None
    must_keep: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Indexes of the claims and the units that were chosen."""

    claims: tuple[int, ...]
    units: frozenset[int]


def select(document: Document, claims: Sequence[Claim], options: SelectionOptions) -> Selection:
    """Select the claims and the units that make the best result within `options`."""
    return Selector(document, claims, options).select(options.budget)


_BY_WORTH = PROSE | {"heading"}
"""Kinds of which a coverage keeps a share; the others keep what their form keeps by default."""


@dataclass(frozen=True, slots=True)
class _State:
    """What has been chosen so far."""

    taken: frozenset[int]
    tokens: int
    gained: float
    covered: frozenset[str]
    claimed: frozenset[str]


_NOTHING = _State(frozenset(), 0, 0.0, frozenset(), frozenset())


class Selector:
    """Chooses among items: a document's units, then the claims. `covered`: concepts in the result so far."""

    def __init__(self, document: Document, claims: Sequence[Claim], options: SelectionOptions) -> None:
        self.document = document
        self.claims = claims
        self.options = options
        self.worth = worth_of(document, claims, options.question)
        self.count = len(document.units)
        self.closures = Closures(document, claims)
        self.restated = [self._restated_by(claim) for claim in claims]
        self._restore(_NOTHING)

    def select(self, budget: int | None) -> Selection:
        """The best choice within `budget`, which takes the place of that of the options."""
        self._restore(_NOTHING)
        for unit in self.options.must_keep:
            self._take(self.closures.of(unit))
        if self.options.question and self.count:
            self._take(self.closures.of(max(range(self.count), key=self._density)))
        if budget is None:
            self._cover()
        else:
            self._fill(budget)
        self._drop_bare_headings()
        claims = sorted(item - self.count for item in self.taken if item >= self.count)
        return Selection(tuple(claims), frozenset(item for item in self.taken if item < self.count))

    def _cover(self) -> None:
        """Keep the share of the prose's worth that the options ask for, and of all else what is kept by default."""
        sizes: Counter[int] = Counter()
        for unit, cost in zip(self.document.units, self.document.costs, strict=True):
            sizes[unit.block] += cost
        kept = [
            at
            for at, unit in enumerate(self.document.units)
            if unit.kind not in _BY_WORTH
            and (
                unit.part is None or unit.part.is_default or (sizes[unit.block] < _SMALL_FORM and unit.part.worth >= 0)
            )
        ]
        before = self.gained
        self._take(closed for at in kept for closed in self.closures.of(at))
        self._take_best(None, self.gained - before + self.options.coverage * self._all_worth())

    def _fill(self, budget: int) -> None:
        """Use the budget, with minor units only if it would not be used otherwise."""
        before = self._state()
        self._take_best(budget)
        if self.tokens < LEAST_FILLED * budget:
            self._begin_with_the_best(budget, before)
        if self.tokens < LEAST_FILLED * budget:
            self._take_best(budget, is_minor=True)
        if not self.taken and self.count:
            self._take(self.closures.of(max(range(self.count), key=self._density)))

    def _begin_with_the_best(self, budget: int, before: _State) -> None:
        """Choose again, beginning with the item that adds most and fits; kept if that gains more."""
        greedy = self._state()
        self._restore(before)
        fitting = [
            item
            for item in range(self.count)
            if self.worth.share[item] == 1.0
            and item not in self.taken
            and self._fits(self._cost(self._new(item)), budget)
        ]
        if fitting:
            self._take(self.closures.of(max(fitting, key=lambda item: self._gain(self._new(item)))))
            self._take_best(budget)
        if self.gained <= greedy.gained:
            self._restore(greedy)

    def _state(self) -> _State:
        return _State(frozenset(self.taken), self.tokens, self.gained, frozenset(self.covered), frozenset(self.claimed))

    def _restore(self, state: _State) -> None:
        self.taken, self.tokens, self.gained = set(state.taken), state.tokens, state.gained
        self.covered, self.claimed = set(state.covered), set(state.claimed)

    def _gain(self, items: Iterable[int]) -> float:
        """What items that are not yet taken add to the result's worth."""
        worth, worth_of_concept = self.worth, self.worth.concepts.__getitem__
        concepts: set[str] = set()
        gain = 0.0
        for item in items:
            fresh = worth.concepts_of[item] - self.covered
            if concepts:
                fresh -= concepts
            own = worth.own[item] * (1 - self._share_claimed(item))
            gain += worth.share[item] * (own + math.fsum(map(worth_of_concept, fresh)))
            concepts |= fresh
        return gain

    def _share_claimed(self, item: int) -> float:
        """The share of a unit's content that the claims in the result say."""
        if not self.claimed or item >= self.count or self.options.question:
            return 0.0
        content = self.document.stems[item]
        return sum(stem in self.claimed for stem in content) / len(content) if content else 0.0

    def _is_condensed(self, item: int) -> bool:
        """Whether a claim says most of what the units that it restates say, in fewer tokens; an answer always is."""
        if self.options.question:
            return True
        restated = self.restated[item - self.count]
        if not restated:
            return True
        facts = facts_among(self.worth.concepts_of[unit] for unit in restated)
        kept = self._worth_of(facts & self.worth.concepts_of[item])
        return (
            self.worth.costs[item] < sum(self.worth.costs[unit] for unit in restated)
            and kept >= _CONDENSED * self._worth_of(facts)
            and self._gain([item]) >= _CONDENSED * self._gain(sorted(restated))
        )

    def _worth_of(self, concepts: Iterable[str]) -> float:
        return sum(self.worth.concepts[concept] for concept in concepts)

    def _is_repetition(self, item: int) -> bool:
        """Whether a claim restates a unit in the result, or a claim in the result a unit."""
        if item >= self.count:
            return not self.restated[item - self.count].isdisjoint(self.taken)
        return any(item in units and self.count + at in self.taken for at, units in enumerate(self.restated))

    def _restated_by(self, claim: Claim) -> frozenset[int]:
        """The units that a claim restates: each has much of the other's content."""
        claim_stems = sentence_of(claim.text, self.document.language).content
        content = self.document.stems
        return frozenset(
            unit
            for unit in claim.units
            if share_in(content[unit], claim_stems) >= _RESTATED and share_in(claim_stems, content[unit]) >= _RESTATED
        )

    def _new(self, item: int) -> list[int]:
        """What an item adds to the result: its closure without what is already there."""
        return [member for member in self.closures.of(item) if member not in self.taken]

    def _cost(self, items: Iterable[int]) -> int:
        return sum(self.worth.costs[item] + _SEPARATOR_TOKENS for item in items)

    def _density(self, item: int) -> float:
        new = self._new(item)
        return self._gain(new) / self._cost(new) if new else 0.0

    def _take(self, items: Iterable[int]) -> None:
        new = [item for item in items if item not in self.taken]
        self.tokens += self._cost(new)
        self.gained += self._gain(new)
        self.taken.update(new)
        for item in new:
            self.covered |= self.worth.concepts_of[item]
            if item >= self.count:
                self.claimed.update(sentence_of(self.claims[item - self.count].text, self.document.language).content)

    def _take_best(self, budget: int | None, worth: float = math.inf, *, is_minor: bool = False) -> None:
        """Take what adds most per token, while it fits into `budget` and less than `worth` is in the result.

        A budget may be exceeded by a little, by TOLERANCE if it would stay under LEAST_FILLED otherwise.

        What an item adds only falls as others are taken, so an outdated estimate is only made anew (Minoux 1978).
        """
        units = self.document.units
        items = [
            item
            for item, share in enumerate(self.worth.share)
            if (share == 1.0 or (is_minor and (item >= self.count or units[item].part is None)))
            and (budget is not None or item >= self.count or units[item].kind in _BY_WORTH)
            and (item < self.count or self._is_condensed(item))
        ]
        heap = [(-self._density(item), item) for item in items if item not in self.taken]
        heapq.heapify(heap)
        while heap and self.gained < worth - _ROUNDING:
            estimate, item = heapq.heappop(heap)
            if item in self.taken or self._share_claimed(item) > _REPEATED or self._is_repetition(item):
                continue
            density = self._density(item)
            if density < -estimate - _ROUNDING:
                heapq.heappush(heap, (-density, item))
            elif budget is None or self._fits(self._cost(self._new(item)), budget):
                self._take(self.closures.of(item))

    def _fits(self, cost: int, budget: int) -> bool:
        factor = TOLERANCE if self.tokens < LEAST_FILLED * budget else _NEAR
        return self.tokens + cost <= budget * factor

    def _all_worth(self) -> float:
        """The worth of all prose that is not minor."""
        units = self.document.units
        major = [at for at in range(self.count) if self.worth.share[at] == 1.0 and units[at].kind in _BY_WORTH]
        concepts: frozenset[str] = frozenset().union(*(self.worth.concepts_of[at] for at in major))
        return sum(self.worth.own[at] for at in major) + math.fsum(self.worth.concepts[concept] for concept in concepts)

    def _drop_bare_headings(self) -> None:
        """Leave out headings under which nothing of their section is in the result."""
        headings = [at for at, unit in enumerate(self.document.units) if unit.kind == "heading"]
        for at, end in zip(headings, [*headings[1:], self.count], strict=False):
            is_bare = not any(unit in self.taken for unit in range(at + 1, end))
            if at in self.taken and is_bare and at not in self.options.must_keep:
                self.taken.discard(at)
