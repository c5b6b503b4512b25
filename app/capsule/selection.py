"""Choose what a result is made of: the cheapest sentences and segments that state the facts.

Weighted set cover, and under a budget its maximum coverage, by the greedy rule: whatever states most not yet stated
facts per token comes next (Chvatal 1979; Khuller, Moss and Naor 1999 for the budget), at last what has become
superfluous goes. A fact counts by what it is, by how often the source says it, and by whether it opens the text; so
under a budget the most important facts are kept first:

- figures with a unit, dates, identifiers, addresses and names say most; bare and spelt-out numbers, weekdays and months
  alone, and quotations less; a negation or condition comes with its clause and counts little by itself;
- what a text says again and again is what it is about (half a fact more for each doubling);
- what stands in the first tenth is what its author put first (a fifth more);
- a log's errors and warnings count over its routine (`structure`).
"""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from app.capsule.analysis import Source
from app.capsule.facts import Fact, keys_stated
from app.capsule.values import uncounted, unit_in
from app.capsule.verification import required
from app.capsule.wording import word_sequence

_KIND_WEIGHT = {"negation": 0.3, "condition": 0.3, "quote": 0.7}
_LESSER_WEIGHT = 0.6
_OPENING = 0.1  # of the text
_ROUNDING = 1e-12
_GIST_WORTH = 2.0  # facts that a sentence of the model's is worth where nothing of its has been taken yet


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can be taken: `index` of the model's sentence or of the segment, its cost in tokens, its facts."""

    index: int
    is_written: bool
    cost: int
    keys: frozenset[str]
    weight: float = 1.0
    needs: int | None = None


@dataclass(slots=True)
class Chosen:
    """What has been taken so far."""

    written: set[int] = field(default_factory=set)
    segments: set[int] = field(default_factory=set)
    covered: set[str] = field(default_factory=set)
    spent: int = 0


def weights(source: Source) -> dict[str, float]:
    """How much each required fact of `source` counts, by its key."""
    mentions = Counter(fact.key for fact in source.facts)
    opening = max(200, _OPENING * len(source.text))
    counted = {}
    for fact in required(source.facts):
        weight = _KIND_WEIGHT.get(fact.kind, _LESSER_WEIGHT if _is_lesser(fact) else 1.0)
        weight *= 1 + 0.5 * math.log2(min(mentions[fact.key], 4))
        counted[fact.key] = weight * (1.2 if fact.start < opening else 1.0)
    return counted


def _is_lesser(fact: Fact) -> bool:
    if fact.kind == "number":
        return not unit_in(fact.key) and (not fact.text[0].isdigit() or len(uncounted(fact.key)) < 4)
    return fact.kind == "date" and not any(c.isdigit() for c in fact.text)


def parts_of_names(facts: Iterable[Fact]) -> dict[str, list[str]]:
    """For each longer name the keys of the names that it contains, which it states as well."""
    names = {fact.key for fact in facts if fact.kind == "name"}
    lone = {" ".join(word_sequence(name).split()): name for name in names}
    contained: dict[str, list[str]] = {}
    for name in names:
        words = word_sequence(name).split()
        inner = [
            lone[part]
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if end - start < len(words) and (part := " ".join(words[start:end])) in lone
        ]
        if inner:
            contained[name] = inner
    return contained


def keys_of_segments(source: Source, wanted: Set[str], contained: Mapping[str, Sequence[str]]) -> list[frozenset[str]]:
    """The wanted facts that each segment states. `contained`: the names within names (`parts_of_names`)."""
    keys_of: dict[int, set[str]] = defaultdict(set)
    index, segments = 0, source.segments
    for fact in source.facts:
        while index + 1 < len(segments) and segments[index].span.end <= fact.start:
            index += 1
        keys_of[index].update(keys_stated(fact), contained.get(fact.key, ()))
    return [frozenset(keys_of[at] & wanted) for at in range(len(segments))]


def segment_candidates(source: Source, keys: Sequence[frozenset[str]], closeness: int) -> list[Candidate]:
    """A candidate for each segment with its `keys`, cut close to its facts or not, in order."""
    return [
        Candidate(at, False, source.cost(source.taken(at, closeness)), keys[at], segment.weight, segment.needs)
        for at, segment in enumerate(source.segments)
    ]


def choose(
    candidates: Sequence[Candidate], worth_of: Mapping[str, float], chosen: Chosen, room: int | None, *, gist: bool
) -> None:
    """Add to `chosen` what states the facts in `worth_of`, in `room` tokens at most.

    Without `room` all are stated that any candidate states. `gist`: a sentence of the model's is worth something even
    without a fact.
    """
    given = Chosen(set(chosen.written), set(chosen.segments))
    segments = {one.index: one for one in candidates if not one.is_written}

    def value(one: Candidate) -> float:
        worth = one.weight * sum(worth_of[key] for key in one.keys if key not in chosen.covered)
        if one.is_written and gist and not chosen.written:
            worth += _GIST_WORTH
        return -worth / sum(taken.cost for taken in with_needs(one, segments, chosen))

    # A candidate's worth only falls while others are taken, so one whose value is stale goes back into the heap.
    heap = [(value(one), at) for at, one in enumerate(candidates) if one.keys or (one.is_written and gist)]
    heapq.heapify(heap)
    while heap:
        stale, at = heapq.heappop(heap)
        one = candidates[at]
        now = 0.0 if _is_in(one, chosen) else value(one)
        if now > stale + _ROUNDING and now:
            heapq.heappush(heap, (now, at))
        elif now:
            needed = with_needs(one, segments, chosen)
            if room is None or chosen.spent + sum(taken.cost for taken in needed) <= room:
                for taken in needed:
                    take(chosen, taken)
    if room is None:
        _without_superfluous(chosen, given, candidates)


def with_needs(one: Candidate, segments: Mapping[int, Candidate], chosen: Chosen) -> list[Candidate]:
    """A candidate and what it needs, as far as that has not been taken."""
    needed = [one]
    while (before := needed[-1].needs) is not None and before not in chosen.segments:
        needed.append(segments[before])
    return needed


def take(chosen: Chosen, one: Candidate) -> None:
    """Put a candidate into `chosen`."""
    (chosen.written if one.is_written else chosen.segments).add(one.index)
    chosen.covered |= one.keys
    chosen.spent += one.cost


def _is_in(one: Candidate, chosen: Chosen) -> bool:
    return one.index in (chosen.written if one.is_written else chosen.segments)


def _without_superfluous(chosen: Chosen, given: Chosen, candidates: Sequence[Candidate]) -> None:
    """Drop what was added to `given` and states only facts that others state as well, the dearest first."""
    taken = [one for one in candidates if _is_in(one, chosen)]
    times = Counter(key for one in taken for key in one.keys)
    needed = {one.needs for one in taken}
    for one in sorted(taken, key=lambda one: -one.cost):
        is_fixed = _is_in(one, given) or (not one.is_written and one.index in needed)
        if one.keys and not is_fixed and all(times[key] > 1 for key in one.keys):
            times.subtract(one.keys)
            (chosen.written if one.is_written else chosen.segments).discard(one.index)
            chosen.spent -= one.cost
