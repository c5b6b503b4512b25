"""Make a model's summary safe: take out what the source does not say, bring back what got lost.

Sentences with an invented fact are dropped. Missing facts return as verbatim clauses of the source, chosen by
the greedy rule for weighted set cover (Chvatal 1979: most uncovered facts per token first), in source order.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from app.capsule.chunking import Span, units
from app.capsule.facts import Fact, find_facts, find_literals, normalise
from app.capsule.tokens import estimate_tokens
from app.capsule.verification import Evidence, distinct, invented_facts, missing_facts

Piece = str | Span
"""A sentence of the model's, or a slice of the source."""

SEPARATOR = "\n"
"""Between pieces: no fact's pattern reaches over a line break, so joining two pieces can't make a new figure."""

TARGET_TOLERANCE = 1.1
"""A result may be this much over its target."""

_CLAUSE_END = regex.compile(r"[,;:，；、：]\s++|\s[–—-]\s")
_SHORTEST_CLAUSE = 40  # characters; below it a clause rarely carries the words that give its figure a meaning


@dataclass(frozen=True, slots=True)
class Report:
    """How the facts of a source fared: counts of distinct facts, and the text of each that is missing."""

    facts: int
    kept: int
    restored: int
    missing: tuple[str, ...]
    invented_removed: int


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text whose every fact stands in the source, as `pieces`, and the report on it."""

    pieces: tuple[Piece, ...]
    text: str
    report: Report

    @property
    def has_written_sentences(self) -> bool:
        """Whether anything that the model wrote is left in it."""
        return any(isinstance(piece, str) for piece in self.pieces)


def join(pieces: Sequence[Piece], source: str) -> str:
    """The text that `pieces` stand for."""
    return SEPARATOR.join(piece if isinstance(piece, str) else source[piece.start : piece.end] for piece in pieces)


def repair(
    source: str,
    summary: str,
    *,
    must_keep: Sequence[str] = (),
    question: str | None = None,
    target_tokens: int | None = None,
) -> Repaired:
    """Turn `summary` into a text that says nothing that `source` does not, and all its facts that fit.

    Without `target_tokens` every fact of the source comes back; with it, facts come back while the result is at
    most TARGET_TOLERANCE over it, those that share words with `question` first; `must_keep` comes back always.
    Raises LiteralNotFoundError for a `must_keep` string that is not in the source.
    """
    facts = find_literals(source, must_keep) + find_facts(source)
    evidence = Evidence.of(source, facts)
    budget = None if target_tokens is None else int(target_tokens * TARGET_TOLERANCE)
    written, invented = _supported_sentences(summary, evidence)
    if budget is not None:
        written = _within(written, budget // 2)
    lost = missing_facts(facts, Evidence.of(SEPARATOR.join(written)))
    room = None if budget is None else budget - estimate_tokens(SEPARATOR.join(written))
    spans = _restore(source, facts, lost, question, room)
    if not must_keep:  # one of these strings may stand across two written sentences
        written = _without_repeats(written, Evidence.of(join(spans, source)))
    pieces: tuple[Piece, ...] = (*written, *spans)
    text = join(pieces, source)
    stated = Evidence.of(SEPARATOR.join(written))
    return Repaired(pieces, text, _report(facts, stated, Evidence.of(text), invented))


def _report(facts: list[Fact], stated: Evidence, result: Evidence, invented: int) -> Report:
    every = distinct(facts)
    missing = [fact for fact in every if not result.has(fact)]
    kept = sum(stated.has(fact) for fact in every)
    return Report(
        facts=len(every),
        kept=kept,
        restored=len(every) - len(missing) - kept,
        missing=tuple(fact.text for fact in missing),
        invented_removed=invented,
    )


def verbatim(source: str, must_keep: Sequence[str] = ()) -> Repaired:
    """`source` as its own summary: every fact is kept."""
    facts = len(distinct(find_literals(source, must_keep) + find_facts(source)))
    return Repaired((Span(0, len(source)),), source, Report(facts, facts, 0, (), 0))


def _supported_sentences(summary: str, evidence: Evidence) -> tuple[list[str], int]:
    """The sentences of `summary` with supported facts only, and how many distinct invented ones went."""
    sentences: list[str] = []
    invented: set[str] = set()
    for span in units(summary):
        sentence = summary[span.start : span.end].strip()
        unsupported = invented_facts(sentence, evidence)
        invented.update(fact.key for fact in unsupported)
        if sentence and not unsupported and sentence not in sentences:
            sentences.append(sentence)
    return sentences, len(invented)


def _within(sentences: list[str], budget: int) -> list[str]:
    kept: list[str] = []
    for sentence in sentences:
        budget -= estimate_tokens(sentence) + 1
        if budget < 0:
            break
        kept.append(sentence)
    return kept


def _without_repeats(written: list[str], restored: Evidence) -> list[str]:
    """Drop a written sentence whose every fact the restored clauses state as well: it would be said twice."""
    kept = []
    for sentence in written:
        said = find_facts(sentence)
        if not said or not all(restored.has(fact) for fact in said):
            kept.append(sentence)
    return kept


def clauses(source: str, facts: Sequence[Fact]) -> list[Span]:
    """Cut `source` at sentence borders and, in longer sentences, at commas and the like, never inside a fact.

    Spans are without the spaces around them, but for those that belong to a fact.
    """
    ordered = sorted(facts, key=lambda fact: fact.start)
    spans = []
    start = first = index = reach = 0
    for border in _clause_borders(source):
        while index < len(ordered) and ordered[index].start < border:
            reach = max(reach, ordered[index].end)
            index += 1
        if border >= reach:
            spans.append(_trimmed(source, Span(start, border), ordered[first:index]))
            start, first = border, index
    return [span for span in spans if span]


def _clause_borders(source: str) -> Iterator[int]:
    for unit in units(source):
        start = unit.start
        for match in _CLAUSE_END.finditer(source, unit.start, unit.end):
            if match.end() - start >= _SHORTEST_CLAUSE and unit.end - match.end() >= _SHORTEST_CLAUSE:
                start = match.end()
                yield start
        yield unit.end


def _trimmed(source: str, span: Span, facts: Sequence[Fact]) -> Span:
    text = source[span.start : span.end]
    leading = len(text) - len(text.lstrip())
    start, end = span.start + leading, max(span.start + leading, span.start + len(text.rstrip()))
    return Span(
        min((start, *(fact.start for fact in facts))),
        max((end, *(fact.end for fact in facts))),
    )


def _restore(source: str, facts: list[Fact], lost: list[Fact], question: str | None, room: int | None) -> list[Span]:
    """The clauses of `source` that bring back `lost` within `room` tokens, in source order, neighbours merged."""
    candidates = clauses(source, facts)
    wanted = {fact.key for fact in lost}
    keys_of: list[set[str]] = [set() for _ in candidates]
    forced: set[int] = set()
    index = 0
    for fact in sorted(facts, key=lambda fact: fact.start):
        while candidates[index].end < fact.end:
            index += 1
        if fact.key in wanted:
            keys_of[index].add(fact.key)
            if fact.kind == "must_keep":
                forced.add(index)
    chosen = _cover(source, candidates, keys_of, forced, question, room)
    return _merged(source, [candidates[i] for i in sorted(chosen)])


def _cover(
    source: str,
    candidates: list[Span],
    keys_of: list[set[str]],
    forced: set[int],
    question: str | None,
    room: int | None,
) -> set[int]:
    """Greedy set cover with lazy re-evaluation: a clause's worth only falls, so a stale top is pushed back."""
    costs = [estimate_tokens(source[span.start : span.end]) + 1 for span in candidates]
    bonus = _relevance(source, candidates, question) if question and room is not None else [0] * len(costs)
    chosen = set(forced)
    covered = set().union(*(keys_of[i] for i in forced))
    spent = sum(costs[i] for i in forced)

    def worth(i: int) -> float:
        return -(len(keys_of[i] - covered) + 2 * bonus[i]) / costs[i]

    heap = [(worth(i), i) for i in range(len(candidates)) if i not in forced and (keys_of[i] or bonus[i])]
    heapq.heapify(heap)
    while heap:
        stale, i = heapq.heappop(heap)
        now = worth(i)
        if now == 0 or (room is not None and spent + costs[i] > room):
            continue
        if now > stale:
            heapq.heappush(heap, (now, i))
            continue
        chosen.add(i)
        covered |= keys_of[i]
        spent += costs[i]
    return chosen


def _relevance(source: str, candidates: list[Span], question: str) -> list[int]:
    """For each clause, how many words of `question` it has, words that most clauses have left out."""
    asked = set(regex.findall(r"\w++", normalise(question)))
    shared = [asked.intersection(regex.findall(r"\w++", normalise(source[s.start : s.end]))) for s in candidates]
    frequency = Counter(word for words in shared for word in words)
    common = {word for word, count in frequency.items() if count > max(1, len(candidates) // 3)}
    return [len(words - common) for words in shared]


def _merged(source: str, spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and not source[merged[-1].end : span.start].strip():
            merged[-1] = Span(merged[-1].start, span.end)
        else:
            merged.append(span)
    return merged
