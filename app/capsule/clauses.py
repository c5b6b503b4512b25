"""Cut prose into the smallest slices that still mean something by themselves.

A sentence is cut at commas, brackets, dashes and before conjunctions where both sides are long enough to carry the
words that give a figure its meaning. Never inside a fact; never within the reach of a negation ("no deaths, injuries or
200 losses"), which lasts to the next strong border; never between a condition and what depends on it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from app.capsule.chunking import Span, units
from app.capsule.facts import Fact, Kind
from app.capsule.language import Language
from app.capsule.polarity import binds, condition_pattern, negation_pattern
from app.capsule.values import normalise

_SHORTEST_CLAUSE = 20  # characters; below it a clause rarely says what its figure is about
_SHORTEST_CJK_CLAUSE = 8
_AT_HEAD = 12  # characters from a sentence's beginning within which a condition comes before its main clause
_LONGEST_FACT = 240  # characters; a longer clause is too long to be listed as one missing fact

_CONJUNCTIONS = {
    "en": "and|but|or|which|who|whose|where|while|whereas|because|although|though|after|before|since|so that|as well as"
    "|when|including|following|according to|despite|during|saying|adding",
    "de": "und|aber|oder|sondern|während|weil|obwohl|nachdem|bevor|sowie|laut|nach Angaben|trotz|wegen",
    "fr": "et|mais|ou|qui|dont|où|tandis que|alors que|car|après|avant|depuis|selon|malgré|ainsi que",
    "es": "y|pero|o|que|quien|donde|mientras|aunque|porque|después|antes|desde|según|así como",
}
_COORDINATING = frozenset(
    """
    and or nor und oder et ou ni y o e u
    """.split()
)
_TURN = regex.compile(
    r"\s*(?:but|yet|however|though|aber|sondern|doch|jedoch|mais|pourtant|pero|sino|但)\b", regex.IGNORECASE
)
"""Words with which a statement turns, so that a negation before them reaches no further."""
_LIMITS = frozenset("before after when until bevor nachdem bis avant après antes después".split())
"""Words behind which stands what a negation hangs on: "no work | before a licence has been granted"."""
_BINDING = _COORDINATING | _LIMITS
_PAIRED = regex.compile(r"\b(?:between|zwischen|entre)\s+\S+(?:\s+\S+){0,2}$", regex.IGNORECASE)
"""What "and" goes on with: "between midnight | and 5 am"."""
_CONTRAST = regex.compile(
    r"(?:and |but |und |et |y )?"
    r"(?:not|nicht|non|rather than|instead of|statt|anstatt|plutôt que|au lieu de|en lugar de|en vez de)\b",
    regex.IGNORECASE,
)
"""At its head a clause only says what the one before it is not: "that mistake was ours, | not the forwarder's"."""


# Before these words what goes on is an adjunct: the clause means much the same without it. Only for languages whose
# verb does not wait for the end.
_ADJUNCTS = {
    "en": "in|on|at|with|from|through|during|over|under|between|near|around|among|within|into|across|along|behind|that|"
    "throughout|alongside|beyond|amid|because|when|where",
    "fr": "dans|sur|avec|sous|chez|entre|vers|pendant|depuis|devant|derrière|parmi|lors|malgré|que",
    "es": "en|con|sobre|bajo|entre|hacia|durante|desde|ante|tras|que",
}
_ADJUNCT = {code: regex.compile(rf"(?<=[\p{{L}}\p{{N}}%€)]) (?=(?:{words}) )") for code, words in _ADJUNCTS.items()}
_SHORTEST_ADJUNCT = 14  # characters
# A word before a border that belongs to what is behind it: "on a day on | which", "for a long | while".
_CLINGS = regex.compile(
    r"\b(?:of|to|in|on|at|for|with|by|from|as|than|about|the|an?|long|short|little|now|so|such|all|those|these|this|that|and"
    r"|but|or|not|is|are|was|were|be|been|have|has|had|will|would|can|could|may|might|shall|should|must|de|le|la|les|un|une"
    r"|only|just|even|nur|erst|seulement|solo|sólo|à|en|el|los|las|y|et|que|der|die|das|den|dem|ein|eine|einen|und|zu|von|mit)$",
    regex.IGNORECASE,
)
_STRONG_MARKS = frozenset(";:—–；：")


def _border_pattern(code: str) -> regex.Pattern[str]:
    words = _CONJUNCTIONS.get(code, _CONJUNCTIONS["en"])
    return regex.compile(
        rf"(?P<mark>[,;:]\s++|[，；：]\s*+|\s[–—-]\s|—|\s(?=[(\[])|[)\]]\s)|\s(?=(?P<word>{words})\s)",
        regex.IGNORECASE,
    )


_BORDERS = {code: _border_pattern(code) for code in ("en", "de", "fr", "es")}


class _Marks:
    """Where a pattern matches between two offsets of a text, found in one pass."""

    def __init__(self, pattern: regex.Pattern[str], text: str, start: int, end: int) -> None:
        self._starts = [match.start() for match in pattern.finditer(text, start, end)]

    def are_in(self, start: int, end: int) -> bool:
        """Whether one begins from `start` on and before `end`."""
        return bisect_left(self._starts, start) < bisect_left(self._starts, end)


@dataclass(frozen=True, slots=True)
class Clause:
    """A slice of the source without the spaces around it, and whether it is negated or under a condition.

    `leans`: it goes on where the clause before it ends ("... | in a region that has struggled") and means little alone.
    """

    span: Span
    is_negated: bool
    is_conditional: bool
    leans: bool = False


def clauses(
    source: str, facts: Sequence[Fact], language: Language, start: int = 0, end: int | None = None
) -> list[Clause]:
    """Cut `source` from `start` to `end` into clauses. `facts`: all of the source, in order."""
    end = len(source) if end is None else end
    facts = [fact for fact in facts if fact.required]
    negations = _Marks(negation_pattern(language.code), source, start, end)
    conditions = _Marks(condition_pattern(language.code), source, start, end)
    found: list[Clause] = []
    starts = _starts_inside(facts, start, end)
    for unit in units(source[start:end]):
        first, last = _trimmed(source, start + unit.start, start + unit.end)
        cuts = [cut for cut in _cuts(source, first, last, language, negations, conditions) if cut not in starts]
        for one, two in zip([first, *cuts], [*cuts, last], strict=True):
            one, two = _trimmed(source, one, two)
            if two > one:
                leans = one > first and _CONTRAST.match(source, one, two) is not None
                clause = Clause(Span(one, two), negations.are_in(one, two), conditions.are_in(one, two), leans)
                found += _with_adjuncts(source, clause, language.code, starts)
    return _unbroken(found, facts)


def _with_adjuncts(source: str, clause: Clause, code: str, starts: set[int]) -> Iterator[Clause]:
    """A plain clause, and what hangs on its end."""
    start, end = clause.span.start, clause.span.end
    pattern = _ADJUNCT.get(code)
    is_long = end - start >= _SHORTEST_CLAUSE + _SHORTEST_ADJUNCT
    if pattern is not None and is_long and not clause.is_negated and not clause.is_conditional:
        for match in pattern.finditer(source, start + _SHORTEST_CLAUSE, end - _SHORTEST_ADJUNCT):
            cut = match.start()
            is_short = cut - start < (_SHORTEST_ADJUNCT if start > clause.span.start else _SHORTEST_CLAUSE)
            if is_short or match.end() in starts or _CLINGS.search(source, max(start, cut - 12), cut):
                continue
            yield Clause(Span(start, cut), False, False, leans=clause.leans or start > clause.span.start)
            start = match.end()
    leans = clause.leans or start > clause.span.start
    yield Clause(Span(start, end), clause.is_negated, clause.is_conditional, leans)


def _starts_inside(facts: Sequence[Fact], start: int, end: int) -> set[int]:
    """The offsets that lie within a fact."""
    return {at for fact in facts if start <= fact.start < end for at in range(fact.start + 1, fact.end)}


def _unbroken(found: list[Clause], facts: Sequence[Fact]) -> list[Clause]:
    """Join clauses over whose border a fact reaches, and stretch those at whose end one hangs over."""
    joined: list[Clause] = []
    index = 0
    for clause in found:
        while index < len(facts) and facts[index].end <= clause.span.start:
            index += 1
        if joined and index < len(facts) and facts[index].start < joined[-1].span.end:
            before = joined.pop()
            clause = Clause(
                Span(before.span.start, clause.span.end),
                before.is_negated or clause.is_negated,
                before.is_conditional or clause.is_conditional,
                before.leans,
            )
        joined.append(clause)
    return joined


def _trimmed(source: str, start: int, end: int) -> tuple[int, int]:
    text = source[start:end]
    stripped = text.strip()
    if not stripped:
        return start, start
    start += len(text) - len(text.lstrip())
    return start, start + len(stripped)


def _cuts(source: str, start: int, end: int, language: Language, negations: _Marks, conditions: _Marks) -> list[int]:
    """Where to cut the sentence from `start` to `end`."""
    is_cjk = language.code in ("zh", "ja")
    shortest = _SHORTEST_CJK_CLAUSE if is_cjk else _SHORTEST_CLAUSE
    if end - start < 2 * shortest:
        return []
    pattern = _BORDERS.get(language.code, _BORDERS["en"])
    cuts: list[int] = []
    scope = start
    for match in pattern.finditer(source, start, end):
        cut = match.end()
        is_strong = match.group().strip() in _STRONG_MARKS or _TURN.match(source, cut) is not None
        is_bound = not is_strong and not is_cjk and _binds(source, match, cut, pattern)
        if is_bound and negations.are_in(scope, cut):
            continue
        if is_strong:
            scope = cut
        if match["word"] and _clings(source, max(start, cuts[-1] if cuts else start), match):
            continue
        if cut - (cuts[-1] if cuts else start) >= shortest and end - cut >= shortest:
            cuts.append(cut)
    return _with_conditions(start, end, cuts, conditions)


def _clings(source: str, start: int, match: regex.Match[str]) -> bool:
    """Whether what is before the border word from `start` on can't do without what is behind it."""
    end = match.start()
    if _CLINGS.search(source, max(start, end - 12), end):
        return True
    return match["word"].casefold() in _COORDINATING and _PAIRED.search(source, max(start, end - 40), end) is not None


def _binds(source: str, match: regex.Match[str], cut: int, pattern: regex.Pattern[str]) -> bool:
    """Whether a negation reaches over this border: a comma, or "and", but not what begins a clause of its own."""
    word = match["word"]
    if word is None and match.group()[0] in ",，":
        following = pattern.match(source, cut - 1)
        word = following["word"] if following else "and"
    return word is not None and word.casefold() in _BINDING


def _with_conditions(start: int, end: int, cuts: list[int], conditions: _Marks) -> list[int]:
    """Leave out the cut between a condition and its main clause: before it, or behind it at a sentence's head."""
    if not cuts or not conditions.are_in(start, end):
        return cuts
    edges = [start, *cuts, end]
    dropped: set[int] = set()
    for index in range(len(edges) - 1):
        if conditions.are_in(edges[index], edges[index + 1]):
            is_head = conditions.are_in(start, start + _AT_HEAD)
            dropped.update([edges[index]] if index else [edges[1]] if is_head else [])
    return [cut for cut in cuts if cut not in dropped]


def bound_lines(source: str, lines: Sequence[Span], language: Language) -> Iterator[Clause]:
    """The lines of code, settings, logs and the like that rule something out or bind somebody, as clauses."""
    for line in lines:
        said = source[line.start : line.end]
        if binds(said, language) and " " in said:
            start, end = _trimmed(source, line.start, line.end)
            yield Clause(Span(start, end), bool(negation_pattern(language.code).search(said)), True)


def binding_facts(source: str, found: Sequence[Clause], facts: Sequence[Fact], language: Language) -> Iterator[Fact]:
    """Each negation or condition that governs a fact, or rules something out, as a fact: the whole clause."""
    index = 0
    for clause in found:
        span = clause.span
        while index < len(facts) and facts[index].start < span.start:
            index += 1
        governs = any(fact.required and fact.start < span.end for fact in facts[index : index + 1])
        said = source[span.start : span.end]
        is_bound = clause.is_negated or clause.is_conditional
        if is_bound and len(span) <= _LONGEST_FACT and (governs or binds(said, language)):
            kind: Kind = "negation" if clause.is_negated else "condition"
            yield Fact(kind, span.start, span.end, said, normalise(said))
