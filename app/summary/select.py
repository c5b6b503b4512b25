"""Chooses what a result consists of: claims of the model's and whole units of the source, by worth per token.

Greedy maximum coverage under a budget (Khuller, Moss and Naor 1999): what adds most worth for its tokens comes next.
Worth is that of the facts and the central words that are not yet said, of the unit's place, and of what it does
(decides, forbids, concludes). With a question, how well a unit answers it (BM25) comes first.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.summary.check import Claim
from app.text import cues
from app.text.blocks import PROSE
from app.text.document import Document
from app.text.facts import Fact, find_facts
from app.text.language import stems
from app.text.tokens import estimate_tokens

TOLERANCE = 1.1  # of the budget, which a result fills up to where it is not full otherwise
_NEAR = 1.06  # of the budget: results are as often a little over it as under it
LEAST_FILLED = 0.85  # of the budget, from where on nothing of little worth is added to fill it
_SEPARATOR_TOKENS = 1
_ROUNDING = 1e-9

_FACT_WORTH: Mapping[str, float] = {
    "url": 2.0, "email": 2.0, "path": 2.0, "identifier": 2.5, "date": 2.5, "time": 1.0, "number": 1.2, "name": 1.0,
}  # fmt: skip
_AMOUNT_WORTH = 2.5  # of a number with a unit or a currency
_SMALL_NUMBER_SHARE = 0.5  # of a number's worth that a bare one of few digits has
_DIGITS = 3  # of a whole number, from which on it is not small
_MENTION_WORTH = 0.3  # of a fact's worth, for each doubling of how often the text states it
_STATEMENT_WORTH = 0.2  # of a unit without any figure or name
_OPENING_WORTH = 1.5  # of the first unit of a text
_PLACE_WORTH = 0.2  # of each token of a paragraph's first unit; less for each later one
_FULL_SENTENCE = 5  # content words and facts; a shorter one, such as "Now for the bad news.", counts less by its place
_PLACE_DECAY = 0.75
_PLACE_FLOOR = 0.3  # of that decay
_TOKEN_WORTH = 0.03
_CLOSING_WORTH = 0.7  # of the last unit of the last paragraph
_SMALL_FORM = 300  # tokens; a smaller form is kept whole where no size is asked for
_PART_WORTH = 3.0  # of a part of a form whose own worth is 1
_AGREEMENT_WORTH = 1.0
_CUE_WORTH: Mapping[cues.Cue, float] = {"binding": 2.8, "conclusion": 1.4}
_MINOR_SHARE = 0.05  # of its worth that a courtesy or a quotation of an earlier mail keeps
_HEADING_WORTH = 0.15
_CENTRAL_WORTH = 0.85  # of all words of a unit, were each as frequent as the most frequent one
_LOG_LEVELS = (("error", "fatal", "critical", "exception", "failed", "panic"), ("warn", "denied", "refused", "timeout"))
_QUESTION_WORTH = 8.0  # of each token of the best answer, beside which all else is small
_CLAIM_SHARE = 0.9  # of that for a claim: the text's own answer comes before the model's
_NEIGHBOUR_SHARE = 0.3  # of a unit's score for the question that the units beside it have as well
_QUESTION_POWER = 1.5  # above 1, weak answers count for less
_TURN_SHARE = 0.5  # the same in a conversation, where a turn answers the one before it
_AGREEMENT_FACTOR = 1.5  # for a turn that agrees to something
_CAUSE_FACTOR = 1.3  # for a unit that names a cause, where the question asks why
_WHY = (
    "why",
    "warum",
    "weshalb",
    "wieso",
    "pourquoi",
    "por qué",
    "perché",
    "por que",
    "waarom",
    "почему",
    "为什么",
    "なぜ",
)
_CLAIM_FACTOR = 1.4  # for saying it in one sentence of its own
_RESTATED = 0.3  # of a unit's content in a claim, and of the claim's in the unit: then the claim stands in its place
_CONDENSED = 0.5  # of the worth, and of the facts, of the units in whose place a claim stands, that it must have
_SAID = 0.8  # of a unit's content, in the claims: then it says nothing new
_COST_POWER = 1.0  # below 1, long units are not put behind short ones that say little


@dataclass(frozen=True, slots=True)
class Wish:
    """How much of a document is wanted: a `budget` in tokens or, where that is None, the share `coverage` of its worth.

    `must_keep`: units that are taken whatever they cost.
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


@dataclass(frozen=True, slots=True)
class Worth:
    """What items (the units of a document, then claims) are worth.

    `concepts`: facts and stems, each worth something once; `concepts_of` an item. `own`: of an item by itself. `share`:
    what counts of an item's worth, 1 but for minor units.
    """

    concepts: Mapping[str, float]
    concepts_of: Sequence[frozenset[str]]
    own: Sequence[float]
    share: Sequence[float]
    costs: Sequence[int]


def worth_of(document: Document, claims: Sequence[Claim], question: str | None) -> Worth:
    """What each unit of a document and each claim says, and how much that is worth."""
    concepts = _concepts(document)
    facts = [*document.facts, *(find_facts(claim.text, document.language) for claim in claims)]
    content = [*document.stems, *(stems(claim.text, document.language) for claim in claims)]
    concepts_of = [
        frozenset(_keys(found, concepts)).union(stem for stem in words if stem in concepts)
        for found, words in zip(facts, content, strict=True)
    ]
    costs = [*document.costs, *(estimate_tokens(claim.text) for claim in claims)]
    answers = _answers(document, claims, question) if question else [0.0] * len(costs)
    count = len(document.units)
    own = [_own_worth(document, at) for at in range(count)]
    own += [_restated(claim, said, document, own) for claim, said in zip(claims, content[count:], strict=True)]
    share = [_MINOR_SHARE if unit.is_minor and not answers[at] else 1.0 for at, unit in enumerate(document.units)]
    return Worth(
        concepts,
        concepts_of,
        [one + two for one, two in zip(own, answers, strict=True)],
        [*share, *([1.0] * len(claims))],
        costs,
    )


def _restated(claim: Claim, said: Iterable[str], document: Document, own: Sequence[float]) -> float:
    """What a claim is worth by itself: that of the units that it rests on, as far as it says what they say."""
    stated = list(said)
    return _CLAIM_FACTOR * sum(own[unit] * _share_in(document.stems[unit], stated) for unit in claim.units)


def _keys(facts: Iterable[Fact], concepts: Mapping[str, float]) -> set[str]:
    return {key for fact in facts for key in map(_fact_concept, fact.keys_stated) if key in concepts}


def _fact_concept(key: str) -> str:
    return f"={key}"


def _concepts(document: Document) -> dict[str, float]:
    """The worth of each fact and of each stem that several units have."""
    facts = [fact for found in document.facts for fact in found]
    mentions = Counter(fact.key for fact in facts)
    concepts = {}
    for fact in facts:
        often = 1 + _MENTION_WORTH * math.log2(min(mentions[fact.key], 4))
        concepts[_fact_concept(fact.key)] = _fact_worth(fact) * often
    frequencies = document.frequencies
    most = max(frequencies.values(), default=1)
    for stem, count in frequencies.items():
        if count > 1 and (len(stem) > 2 or not stem.isascii()):
            concepts[stem] = _CENTRAL_WORTH * count / most
    return concepts


def _facts(concepts: Iterable[frozenset[str]]) -> frozenset[str]:
    """The facts among concepts."""
    return frozenset(concept for found in concepts for concept in found if concept.startswith("="))


def _fact_worth(fact: Fact) -> float:
    if fact.kind != "number":
        return _FACT_WORTH[fact.kind]
    if " " in fact.key:
        return _AMOUNT_WORTH
    mantissa, _, exponent = fact.key.partition("..")[0].strip("-").partition("e")
    is_small = exponent.lstrip("-").isdigit() and len(mantissa) + int(exponent) < _DIGITS
    return _FACT_WORTH["number"] * (_SMALL_NUMBER_SHARE if is_small else 1.0)


def _own_worth(document: Document, at: int) -> float:
    unit = document.units[at]
    if unit.kind == "heading":
        return _HEADING_WORTH
    if unit.part is not None:
        return _STATEMENT_WORTH + _PART_WORTH * unit.part.worth
    said = document.text_of(at)
    if unit.kind not in PROSE:
        return _STATEMENT_WORTH + _level(said) if unit.kind == "log" else _STATEMENT_WORTH
    worth = _STATEMENT_WORTH
    if unit.kind == "prose":
        worth += _place_worth(document, at)
    if said.rstrip().endswith(("?", "？")):
        return worth * 0.5
    if unit.kind == "chat" and cues.has("agreement", document.text[unit.head : unit.end], document.language):
        worth += _AGREEMENT_WORTH
    return worth + sum(value for cue, value in _CUE_WORTH.items() if cues.has(cue, said, document.language))


def _level(line: str) -> float:
    lowered = line.lower()
    return next((3.0 - rank for rank, words in enumerate(_LOG_LEVELS) if any(word in lowered for word in words)), 0.0)


def _place_worth(document: Document, at: int) -> float:
    unit = document.units[at]
    is_last = at + 1 == len(document.units)
    said = len(document.stems[at]) + len(document.facts[at])
    content = document.costs[at] * min(1.0, said / _FULL_SENTENCE)
    worth = content * (_PLACE_WORTH * max(_PLACE_FLOOR, _PLACE_DECAY**unit.place) + _TOKEN_WORTH)
    if at == document.opening:
        return worth + _OPENING_WORTH
    return worth + (_CLOSING_WORTH if is_last else 0.0)


def _answers(document: Document, claims: Sequence[Claim], question: str) -> list[float]:
    """How well each unit and each claim answers `question`, the best unit with _QUESTION_WORTH a token.

    BM25, and a share of the neighbours' scores. A claim answers it by having been written for that.
    """
    language = document.language
    speakers = {stem for unit in document.units for stem in stems(document.text[unit.start : unit.head], language)}
    asked = [stem for stem in stems(question, language) if stem not in speakers]
    scores = bm25(document.stems, asked, document.frequencies)
    if _asks_why(question):
        scores = _raised(scores, "cause", _CAUSE_FACTOR, document)
    beside = [max(one, two) for one, two in zip([0.0, *scores], [*scores[1:], 0.0], strict=False)][: len(scores)]
    if "chat" in document.structure:
        scores = [max(score, _TURN_SHARE * near) for score, near in zip(scores, beside, strict=True)]
        # What was agreed, and what was said last about a matter, is how it stands.
        scores = _raised(scores, "agreement", _AGREEMENT_FACTOR, document)
        scores = [score * (1 + at / len(scores)) for at, score in enumerate(scores)]
    else:
        scores = [max(score, _NEIGHBOUR_SHARE * near) for score, near in zip(scores, beside, strict=True)]
    best = max(scores, default=0.0) or 1.0
    shares = ((score / best) ** _QUESTION_POWER for score in scores)
    worth = [_QUESTION_WORTH * share * cost for share, cost in zip(shares, document.costs, strict=True)]
    return worth + [_CLAIM_SHARE * _QUESTION_WORTH * estimate_tokens(claim.text) for claim in claims]


def _raised(scores: Sequence[float], cue: cues.Cue, factor: float, document: Document) -> list[float]:
    """The scores, those of units with the cue multiplied by `factor`."""
    said = ((score, document.text[unit.head : unit.end]) for score, unit in zip(scores, document.units, strict=True))
    return [score * factor if score and cues.has(cue, text, document.language) else score for score, text in said]


def _asks_why(question: str) -> bool:
    return question.lower().lstrip("¿ ").startswith(_WHY)


def bm25(
    documents: Sequence[Sequence[str]],
    query: Iterable[str],
    frequencies: Mapping[str, int],
    k1: float = 1.2,
    b: float = 0.75,
) -> list[float]:
    """The scores of documents, given as stems, for the stems of a query (Robertson and Zaragoza 2009)."""
    count = len(documents)
    mean = sum(map(len, documents)) / count if count else 1.0
    asked = {
        stem: math.log(1 + (count - n + 0.5) / (n + 0.5)) for stem in set(query) if (n := frequencies.get(stem, 0))
    }
    scores = []
    for found in documents:
        norm = k1 * (1 - b + b * len(found) / (mean or 1.0))
        tf = Counter(stem for stem in found if stem in asked)
        scores.append(sum(asked[stem] * n * (k1 + 1) / (n + norm) for stem, n in tf.items()))
    return scores


def select(document: Document, claims: Sequence[Claim], wish: Wish) -> Selection:
    """What of `claims` and of the document's units makes the best result that `wish` allows."""
    return _Selector(document, claims, wish).run()


_BY_WORTH = PROSE | {"heading"}
"""Kinds of which a coverage keeps a share; the others keep what their form keeps by default."""


class _Selector:
    """One greedy choice among items: a document's units, then the claims. `said`: concepts in the result so far."""

    def __init__(self, document: Document, claims: Sequence[Claim], wish: Wish) -> None:
        self.document = document
        self.claims = claims
        self.wish = wish
        self.worth = worth_of(document, claims, wish.question)
        self.count = len(document.units)
        self.taken: set[int] = set()
        self.tokens = 0
        self.gained = 0.0
        self.said: set[str] = set()
        self.closures: dict[int, frozenset[int]] = {}
        self.claimed: set[str] = set()
        self.restated = [self._restated_by(claim) for claim in claims]

    def run(self) -> Selection:
        for unit in self.wish.must_keep:
            self._take(self._closure(unit))
        if self.wish.question and self.count:
            self._take(self._closure(max(range(self.count), key=self._density)))
        if self.wish.budget is None:
            self._cover()
        else:
            self._fill(self.wish.budget)
        self._drop_bare_headings()
        claims = sorted(item - self.count for item in self.taken if item >= self.count)
        return Selection(tuple(claims), frozenset(item for item in self.taken if item < self.count))

    def _cover(self) -> None:
        """Keep the wished share of the worth of the prose, and of all else what is kept by default."""
        sizes: Counter[int] = Counter()
        for unit, cost in zip(self.document.units, self.document.costs, strict=True):
            sizes[unit.block] += cost
        kept = [
            at
            for at, unit in enumerate(self.document.units)
            if unit.kind not in _BY_WORTH
            and (unit.part is None or unit.part.is_default or sizes[unit.block] < _SMALL_FORM)
        ]
        before = self.gained
        self._take(closed for at in kept for closed in self._closure(at))
        self._take_best(None, self.gained - before + self.wish.coverage * self._all_worth())

    def _fill(self, budget: int) -> None:
        """Use the budget, with minor units only where it would not be used otherwise."""
        self._take_best(budget)
        if self.tokens < LEAST_FILLED * budget:
            self._take_best(budget, is_minor=True)
        if not self.taken and self.count:
            self._take(self._closure(max(range(self.count), key=self._density)))

    def _closure(self, item: int) -> frozenset[int]:
        """The item with all that it needs, and with an exception that follows it."""
        known = self.closures.get(item)
        if known is not None:
            return known
        found, open_items = {item}, [item]
        while open_items:
            at = open_items.pop()
            for needed in self._needs(at):
                if needed not in found:
                    found.add(needed)
                    open_items.append(needed)
        self.closures[item] = frozenset(found)
        return self.closures[item]

    def _needs(self, item: int) -> tuple[int, ...]:
        if item < self.count:
            return (*self.document.units[item].needs, *self._followers(item))
        return (item - 1,) if item > self.count and self.claims[item - self.count].leans else ()

    def _followers(self, at: int) -> tuple[int, ...]:
        """The next unit, where it takes something away from this one, answers it, or is what this one introduces."""
        units = self.document.units
        if at + 1 >= self.count or units[at].kind not in PROSE or units[at + 1].kind not in PROSE:
            return ()
        if units[at + 1].is_minor:
            return ()
        said = self.document.text_of(at).rstrip("\"'”’» \n")
        if said.endswith(("?", "？", "؟", ":", "：")):
            return (at + 1,)
        follows = units[at + 1].block == units[at].block
        following = self.document.text[units[at + 1].head : units[at + 1].end]
        return (at + 1,) if follows and cues.has("exception", following, self.document.language) else ()

    def _gain(self, items: Iterable[int]) -> float:
        """What items that are not yet taken add to the result's worth."""
        concepts: set[str] = set()
        gain = 0.0
        for item in items:
            fresh = self.worth.concepts_of[item] - self.said - concepts
            own = self.worth.own[item] * (1 - self._said_by_claims(item))
            gain += self.worth.share[item] * (own + math.fsum(self.worth.concepts[concept] for concept in fresh))
            concepts |= fresh
        return gain

    def _said_by_claims(self, item: int) -> float:
        """The share of a unit's content that the claims in the result say."""
        if not self.claimed or item >= self.count or self.wish.question:
            return 0.0
        content = self.document.stems[item]
        return sum(stem in self.claimed for stem in content) / len(content) if content else 0.0

    def _is_condensed(self, item: int) -> bool:
        """Whether a claim says most of what the units that it restates say, in fewer tokens; an answer always is."""
        if self.wish.question:
            return True
        restated = self.restated[item - self.count]
        if not restated:
            return True
        facts = _facts(self.worth.concepts_of[unit] for unit in restated)
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
        """The units in whose place a claim stands: it says much of what they say, or says hardly more than they do."""
        said = stems(claim.text, self.document.language)
        content = self.document.stems
        return frozenset(
            unit
            for unit in claim.units
            if _share_in(content[unit], said) >= _RESTATED and _share_in(said, content[unit]) >= _RESTATED
        )

    def _new(self, item: int) -> list[int]:
        """What comes into the result with an item."""
        return [one for one in self._closure(item) if one not in self.taken]

    def _cost(self, items: Iterable[int]) -> int:
        return sum(self.worth.costs[item] + _SEPARATOR_TOKENS for item in items)

    def _density(self, item: int) -> float:
        new = self._new(item)
        return self._gain(new) / self._cost(new) ** _COST_POWER if new else 0.0

    def _take(self, items: Iterable[int]) -> None:
        new = [item for item in items if item not in self.taken]
        self.tokens += self._cost(new)
        self.gained += self._gain(new)
        self.taken.update(new)
        for item in new:
            self.said |= self.worth.concepts_of[item]
            if item >= self.count:
                self.claimed.update(stems(self.claims[item - self.count].text, self.document.language))

    def _take_best(self, budget: int | None, worth: float = math.inf, *, is_minor: bool = False) -> None:
        """Take what adds most per token, while it fits into `budget` and less than `worth` is in the result.

        A budget may be exceeded by a little, by TOLERANCE where it would stay under LEAST_FILLED otherwise.

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
            if item in self.taken or self._said_by_claims(item) > _SAID or self._is_repetition(item):
                continue
            density = self._density(item)
            if density < -estimate - _ROUNDING:
                heapq.heappush(heap, (-density, item))
            elif budget is None or self._fits(self._cost(self._new(item)), budget):
                self._take(self._closure(item))

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
            if at in self.taken and is_bare and at not in self.wish.must_keep:
                self.taken.discard(at)


def _share_in(one: Sequence[str], two: Sequence[str]) -> float:
    """The share of the stems of `one` that `two` has."""
    known = set(two)
    return sum(stem in known for stem in one) / len(one) if one else 0.0
