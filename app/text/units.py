"""Units, which a result has as a whole or not at all: what each needs to be understood, and which are minor."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import regex

from app.text import cues
from app.text.blocks import LIST_MARK, PROSE, SPEAKER, Block, Kind
from app.text.kinds.form import Part
from app.text.language import Language, words
from app.text.sentences import split_sentences, stripped
from app.text.span import Span

_STAMP = regex.compile(r"\s*[\[(]?\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?[\])]?\s*")
_MARK = regex.compile(r"\s*(?:>\s*)*(?:#{1,6}\s+)?")
_QUOTED_HISTORY = regex.compile(
    r"-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Forwarded message)"
    r"|(?:On|Am|Le|El)\s.{6,120}(?:wrote|schrieb|a écrit|escribió)(?:\s[^:]{1,80})?\s*:\s*$",
    regex.IGNORECASE,
)
_SIGNATURE = regex.compile(r"--\s*$")
_LONGEST_COURTESY = 40  # words; a longer sentence says more than its thanks
_LONGEST_GREETING = 14  # words of a sentence that begins with a greeting
_FILLER_WORDS = 2
_FARTHEST_ANTECEDENT = 20  # units before a pronoun in which it is looked for
_POINTING = {
    "en": regex.compile(
        r"\b(?:about|after|at|before|by|for|from|in|of|on|to|with|without) (?:that|those) (?:\w+ )?(\w{4,})"
    ),
}
"""A reference to a noun that an earlier sentence has."""
_LONGEST_DENIAL = 8  # words of a sentence that takes back the previous one
_SHORT_SENTENCE = 12  # words; a shorter one after a condition mostly belongs to it


@dataclass(frozen=True, slots=True)
class Unit:
    """What a result has as a whole or not at all: a sentence, a heading, a list item, a row, a line.

    `head`: where its words begin, behind a list mark or a speaker. `place`: its number in its block. `needs`: the units
    without which it is not understood. `is_minor`: a courtesy, a signature or quoted mail, worth nearly nothing.
    `part`: what it is in the form of its block, None in a block without one.
    """

    start: int
    end: int
    kind: Kind
    block: int
    place: int
    head: int
    needs: tuple[int, ...] = ()
    is_minor: bool = False
    part: Part | None = None


def units_of(text: str, blocks: list[Block], language: Language) -> list[Unit]:
    """The units of the blocks of `text`, in order."""
    return _with_needs(text, list(_units(text, blocks)), language)


def _units(text: str, blocks: list[Block]) -> Iterator[Unit]:
    """The units with their place in their block, still without their needs."""
    count = 0
    for number, block in enumerate(blocks):
        if block.form is not None:
            first = count
            for place, part in enumerate(block.form.parts):
                needs = tuple(first + needed for needed in part.needs)
                yield Unit(part.start, part.end, block.kind, number, place, part.start, needs, part.worth < 0, part)
            count += len(block.form.parts)
            continue
        if block.kind not in PROSE:
            spans = [Span(block.lines[0].start, block.lines[-1].end)] if block.kind == "heading" else block.lines
            for place, span in enumerate(spans):
                lead = stripped(text, span.start, span.end).start if block.kind == "heading" else span.start
                yield Unit(span.start, span.end, block.kind, number, place, max(lead, _mark_end(text, span)))
            count += len(spans)
            continue
        for place, (span, is_head) in enumerate(_prose_spans(text, block)):
            head = _words_start(text, span, block.kind) if is_head else span.start
            yield Unit(span.start, span.end, block.kind, number, place, head)
            count += 1


def _prose_spans(text: str, block: Block) -> Iterator[tuple[Span, bool]]:
    """The sentences of a block, each with whether it begins a list item, a turn or a line."""
    for run in _runs(text, block):
        for at, span in enumerate(split_sentences(text, run.start, run.end)):
            if span.end > span.start:
                yield span, at == 0


def _runs(text: str, block: Block) -> list[Span]:
    """The slices of a block that no sentence crosses: lines, items, turns, or a wrapped paragraph."""
    starts = []
    for at, line in enumerate(block.lines):
        if at == 0 or not block.is_wrapped or (block.kind == "list" and LIST_MARK.match(text, line.start, line.end)):
            starts.append(line.start)
    ends = [*starts[1:], block.lines[-1].end]
    return [Span(start, end) for start, end in zip(starts, ends, strict=True)]


def _mark_end(text: str, span: Span) -> int:
    match = _MARK.match(text, span.start, span.end)
    return match.end() if match and match.end() < span.end else span.start


def _words_start(text: str, span: Span, kind: Kind) -> int:
    """Where the words of a unit begin: after quotation marks, a list mark, a time stamp or a speaker."""
    at = _mark_end(text, span)
    pattern = {"list": LIST_MARK, "chat": SPEAKER}.get(kind, _STAMP)
    mark = pattern.match(text, at, span.end)
    at = mark.end() if mark else at
    return at if at < span.end else span.start


def _with_needs(text: str, units: list[Unit], language: Language) -> list[Unit]:
    """`units` with the needs of each, and whether it is minor; changes the list."""
    is_history = is_signature = False
    parents: list[int] = []
    for at, unit in enumerate(units):
        if unit.part is not None:
            continue
        sentence = text[unit.head : unit.end]
        line = text[unit.start : unit.end]
        is_history = is_history or _QUOTED_HISTORY.match(line) is not None
        is_signature = (is_signature and unit.kind != "heading") or _SIGNATURE.match(line) is not None
        is_minor = is_history or is_signature or unit.kind == "quoted" or is_courtesy(sentence, language)
        is_minor = is_minor or (unit.kind == "chat" and _is_filler(sentence) and not _is_asked(text, units, at))
        if unit.kind in PROSE:
            needs = _prose_needs(text, units, at, sentence, language)
        else:
            needs = _line_needs(text, units, at, parents)
        if needs or is_minor:
            units[at] = replace(unit, needs=needs, is_minor=is_minor)
        if unit.kind in PROSE and unit.place and _is_denial(sentence, language):
            # It means nothing without the one before it, and that one is false without it.
            units[at] = replace(units[at], needs=_and(units[at].needs, at - 1))
            units[at - 1] = replace(units[at - 1], needs=_and(units[at - 1].needs, at))
    return units


def _and(needs: tuple[int, ...], at: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*needs, at)))


def is_courtesy(sentence: str, language: Language) -> bool:
    """Whether a sentence only greets, thanks or wishes well. It has no figures then."""
    if any(map(str.isdigit, sentence)) or sentence.rstrip().endswith((":", "：")):
        return False
    length = len(sentence.split())
    if length <= _LONGEST_GREETING and cues.has("greeting", sentence, language):
        return True
    return length <= _LONGEST_COURTESY and cues.has("courtesy", sentence, language)


def _is_filler(sentence: str) -> bool:
    """Whether a sentence of a turn says nothing by itself: "Okay.", "Will do.", "Anything else?"."""
    return len(sentence.split()) <= _FILLER_WORDS and not any(map(str.isdigit, sentence))


def _prose_needs(text: str, units: list[Unit], at: int, sentence: str, language: Language) -> tuple[int, ...]:
    unit = units[at]
    needs = []
    before = units[at - 1] if at else None
    if before is None or before.kind == "heading":
        return ()
    if unit.head == unit.start and unit.kind in ("chat", "list") and before.block == unit.block:
        # A later sentence of a turn or an item needs the one that says who speaks, or what the item is.
        is_first = before.head != before.start or not before.needs
        needs.append(at - 1 if is_first else before.needs[0])
    follows = unit.block == before.block
    if follows and any(cues.has(cue, sentence, language) for cue in ("connective", "consequence")):
        needs.append(at - 1)
    elif (follows or before.kind == unit.kind == "prose") and any(
        cues.has(cue, sentence, language) for cue in ("pronoun", "definite", "attribution")
    ):
        needs.append(_antecedent(text, units, at, language))
    elif follows and _is_conditioned(sentence, text[before.head : before.end], language):
        needs.append(at - 1)
    needs += _pointed_at(text, units, at, sentence, language)
    is_reply = unit.kind == "chat" or (before.kind == "quoted" and unit.kind == "prose")
    if text[before.start : before.end].endswith((":", "：")) or (is_reply and _is_asked(text, units, at)):
        needs.append(at - 1)
    return tuple(dict.fromkeys(needs))


def _is_conditioned(sentence: str, before: str, language: Language) -> bool:
    """Whether a short sentence continues under the condition with which the previous one begins."""
    return (
        len(sentence.split()) <= _SHORT_SENTENCE
        and cues.has("condition", before, language)
        and not cues.has("condition", sentence, language)
    )


def _is_denial(sentence: str, language: Language) -> bool:
    """Whether a sentence only takes back the previous one: "As you know, it did not"."""
    sentence_words = words(sentence)
    return 1 < len(sentence_words) <= _LONGEST_DENIAL and cues.is_negation(
        sentence_words, len(sentence_words) - 1, language
    )


def _pointed_at(text: str, units: list[Unit], at: int, sentence: str, language: Language) -> tuple[int, ...]:
    """The nearest unit before `at` with the noun that `sentence` refers to: "one star less for that silly timer"."""
    pattern = _POINTING.get(language.code)
    match = pattern.search(sentence) if pattern is not None else None
    if match is None or match[1] in sentence[: match.start()]:
        return ()
    near = range(at - 1, max(-1, at - _FARTHEST_ANTECEDENT), -1)
    return next(((back,) for back in near if match[1] in text[units[back].head : units[back].end]), ())


def _antecedent(text: str, units: list[Unit], at: int, language: Language) -> int:
    """The nearest unit before `at`, in the block of the one before it, that does not begin with a pronoun itself."""
    back = at - 1
    while back > max(0, at - _FARTHEST_ANTECEDENT) and units[back - 1].block == units[at - 1].block:
        sentence = text[units[back].head : units[back].end]
        if not cues.has("pronoun", sentence, language) and not cues.has("definite", sentence, language):
            break
        back -= 1
    return back


def _is_asked(text: str, units: list[Unit], at: int) -> bool:
    """Whether a turn, or a reply below a quoted mail, answers the question directly before it."""
    if not at:
        return False
    before, unit = units[at - 1], units[at]
    is_question = text[before.start : before.end].rstrip("\"'”’» ").endswith(("?", "？", "؟"))
    return is_question and (unit.head != unit.start or before.kind != unit.kind)


def _line_needs(text: str, units: list[Unit], at: int, parents: list[int]) -> tuple[int, ...]:
    """The header of a row, or the parent of an indented line. `parents`: the open lines so far; changes the list."""
    unit = units[at]
    first = at - unit.place
    if unit.kind == "table":
        return (first,) if unit.place else ()
    if unit.kind not in ("yaml", "json", "code"):
        return ()
    if unit.place == 0:
        parents.clear()
    line = text[unit.start : unit.end]
    depth = _depth(line)
    while parents and _depth(text[units[parents[-1]].start : units[parents[-1]].end]) >= depth:
        parents.pop()
    needs = (parents[-1],) if parents else ()
    if line.rstrip().endswith((":", "{", "[", "(")):
        parents.append(at)
    return needs


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
