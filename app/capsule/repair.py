"""Make a model's summary safe: take out what the source does not say, bring back what got lost.

What the model wrote is judged sentence by sentence (`verification`); a single wrong figure or misspelt name is put
right where the source leaves no choice, else the sentence goes. What the sentences left do not state comes back as
verbatim segments of the source (`selection`), in source order. No model is called.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.capsule.analysis import CLOSEST, Source
from app.capsule.chunking import Span, units
from app.capsule.correction import corrected
from app.capsule.facts import keys_stated
from app.capsule.ground import Ground
from app.capsule.pieces import Piece, join
from app.capsule.relevance import relevance
from app.capsule.report import Repaired, Written, reported
from app.capsule.selection import (
    Candidate,
    Chosen,
    choose,
    take,
    with_needs,
)
from app.capsule.tokens import estimate_tokens
from app.capsule.verification import Evidence, Verifier

TARGET_TOLERANCE = 1.1
"""A result may be this much over its target."""

_ENOUGH = (0.45, 0.6)  # of the source's tokens; where whole clauses, or those cut once, take more, they are cut closer
_SHORT_TOKENS = 250  # in texts up to this a clause cut in two saves too little to be worth what it costs the reader
_ROOM_FOR_GIST = 0.42  # of the source's tokens; where the facts take less, a sentence of the model's may tell the rest
_ANSWER_SHARE = 0.6  # of the best segment's relevance; what is below it does not count as an answer
_MOST_ANSWERS = 3  # segments
_MOST_TRIES = 4  # at meeting the target
_LOOSE_ENDS = " \t\n,;:，；、—–-"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is wanted of a result: facts by `worth`, within `room` tokens where given.

    `spoken`: the model's sentences as candidates.
    """

    worth: dict[str, float]
    spoken: list[Candidate]
    ground: Ground
    question: str | None
    room: int | None
    keep_written: bool


def repair(
    source: Source,
    summary: str,
    *,
    question: str | None = None,
    target_tokens: int | None = None,
    keep_written: bool = False,
    ground: Ground | None = None,
) -> Repaired:
    """Turn `summary` into a text that says nothing that `source` does not, and all its facts that fit.

    Without `target_tokens` every fact of the source is in it, in as few tokens as can be found; with it, facts come
    while the result is at most TARGET_TOLERANCE over it, the most important first. What answers `question` comes before
    other facts, must_keep strings before all and whatever they cost. `keep_written`: every sentence that may stand
    stays, as in a text that the model wrote out of notes. `ground`: that of the source, where it has been made already.
    """
    ground = ground or Ground(source)
    written = _supported_sentences(ground.verifier, summary)
    room = None if target_tokens is None else int(target_tokens * TARGET_TOLERANCE)
    spoken = _sentence_candidates(ground, written.sentences)
    wish = _Wish(ground.worth, spoken, ground, question, room, keep_written)
    pieces = _composed(source, written, wish)
    for _ in range(_MOST_TRIES if room is not None else 0):
        # What stands between two segments that are taken side by side is not in their costs.
        excess = estimate_tokens(join(pieces, source.text)) - (room or 0)
        if excess <= 0 or not wish.room:
            break
        wish = replace(wish, room=max(0, wish.room - excess))
        pieces = _composed(source, written, wish)
    return reported(ground.verifier, pieces, written)


def _composed(source: Source, written: Written, wish: _Wish) -> tuple[Piece, ...]:
    """The pieces of the result: whole clauses where they will do, else cut closer to their facts."""
    closest = 0 if wish.keep_written else CLOSEST if wish.room is not None else CLOSEST - 1
    for closeness in range(closest + 1):
        chosen = _chosen(source, wish, closeness)
        if _is_enough(source, chosen, wish, closeness):
            break
    spans = [Span(fact.start, fact.end) for fact in source.literals]
    spans += [source.taken(at, closeness) for at in chosen.segments]
    merged = _merged(source.text, sorted(spans, key=lambda one: (one.start, one.end)))
    return (*(written.sentences[at] for at in sorted(chosen.written)), *merged)


def _is_enough(source: Source, chosen: Chosen, wish: _Wish, closeness: int) -> bool:
    """Whether clauses so close will do: with all facts in them, and not much longer than a summary should be."""
    if wish.room is None:
        enough = (*_ENOUGH, 1.0)[closeness if source.tokens > _SHORT_TOKENS else max(1, closeness)]
        return chosen.spent <= enough * source.tokens
    return chosen.covered >= wish.worth.keys()


def _chosen(source: Source, wish: _Wish, closeness: int) -> Chosen:
    candidates = [*wish.spoken, *wish.ground.candidates(closeness)]
    chosen = Chosen()
    _force_literals(source, candidates, chosen)
    if wish.keep_written:
        for one in wish.spoken:
            take(chosen, one)
    if wish.question:
        _force_answers(source, wish.question, candidates, chosen, wish.room)
    choose(candidates, wish.worth, chosen, wish.room, gist=wish.room is not None)
    if wish.room is None:
        _add_gist(source, candidates, chosen)
    return chosen


def _supported_sentences(verifier: Verifier, summary: str) -> Written:
    if not summary.strip():
        return Written((), 0, 0, 0)
    sentences: dict[str, None] = {}
    invented: set[str] = set()
    seen = mended = 0
    for span in units(summary):
        sentence = summary[span.start : span.end].strip()
        if not sentence or sentence in sentences:
            continue
        seen += 1
        judgement = verifier.judge(sentence)
        invented.update(fact.key for fact in judgement.invented)
        better = corrected(verifier, sentence, judgement)
        if better is not None and verifier.judge(better).is_supported:
            mended += better not in sentences
            sentences[better] = None
        elif judgement.is_supported:
            sentences[sentence] = None
    return Written(tuple(sentences), seen, mended, len(invented))


def _sentence_candidates(ground: Ground, sentences: Sequence[str]) -> list[Candidate]:
    found = []
    for index, sentence in enumerate(sentences):
        facts = ground.verifier.facts_of(sentence)
        evidence = Evidence(sentence, facts)
        keys = {key for fact in facts for key in (*keys_stated(fact), *ground.contained.get(fact.key, ()))}
        keys.update(fact.key for fact in ground.worded if evidence.has(fact))
        found.append(Candidate(index, True, estimate_tokens(sentence) + 1, frozenset(keys & ground.worth.keys())))
    return found


def _force_literals(source: Source, candidates: Sequence[Candidate], chosen: Chosen) -> None:
    """Take the segments in which must_keep strings stand."""
    for literal in source.literals:
        for one in candidates:
            if one.is_written or one.index in chosen.segments:
                continue
            span = source.segments[one.index].span
            if span.start < literal.end and literal.start < span.end:
                take(chosen, one)


def _force_answers(
    source: Source, question: str, candidates: Sequence[Candidate], chosen: Chosen, room: int | None
) -> None:
    scores = relevance(source, question)
    best = max(scores, default=0.0)
    segments = {one.index: one for one in candidates if not one.is_written}
    ranked = sorted(
        (at for at, score in enumerate(scores) if score >= _ANSWER_SHARE * best > 0), key=lambda at: -scores[at]
    )
    for at in ranked[:_MOST_ANSWERS]:
        added = [] if at in chosen.segments else with_needs(segments[at], segments, chosen)
        if room is None or chosen.spent + sum(one.cost for one in added) <= room:
            for one in added:
                take(chosen, one)


def _add_gist(source: Source, candidates: Sequence[Candidate], chosen: Chosen) -> None:
    """Where the facts take little, let the model's first sentence tell what the text is about."""
    first = next((one for one in candidates if one.is_written), None)
    if first is None or chosen.written:
        return
    if chosen.spent + first.cost <= _ROOM_FOR_GIST * source.tokens:
        take(chosen, first)


def _merged(source: str, spans: Sequence[Span]) -> list[Span]:
    """Spans that overlap or have only spaces and commas between them as one; joined on one line they read on."""
    merged: list[Span] = []
    for span in spans:
        if merged and not source[merged[-1].end : span.start].strip(_LOOSE_ENDS):
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged
