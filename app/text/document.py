"""A text as it is read: units, which are taken or left as a whole, with what each says and what it needs beside it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import regex

from app.text import cues
from app.text.blocks import LIST_MARK, PROSE, SPEAKER, Block, Kind, Span, blocks_around
from app.text.facts import Fact, LiteralNotFoundError, find_facts
from app.text.kinds import find_forms
from app.text.kinds.form import Part, is_spoken
from app.text.language import Language, guess_language, stems
from app.text.references import needed_definitions
from app.text.tokens import estimate_tokens

# A sentence ends at a stop with a space behind it, unless a small letter goes on, or an initial, a title, an ordinal or
# an abbreviation stands before it; at a Chinese or Japanese stop, a danda, unless it says behind the quotation who spoke;
# notes in brackets and closing tags behind it belong to it.
_SENTENCE_END = regex.compile(
    r"""
    (?: (?<! \b (?: \p{Lu} | (?<! [:.,] ) \p{N}{1,2} | \p{L}\.[ \u00a0]?\p{L}
               | Dr | Mr | Mrs | Ms | Prof | St | Sr | Jr | No | Nr | Art | Abs | Fig | vs | ca | bzw | ggf | evtl | etc | approx | Sept | Inc | Ltd | Mt | M | Mme ) ) [.]
      | [!?…؟۔‽] | [.!?]{2,8}+ )
    (?: [ \u00a0\u202f]» )?+ ["'”’»“)\]*_]{0,4}+ (?: \[ [^\[\]\n]{1,40} \] ){0,6}+ (?: </ \p{L}[\p{L}\d]{0,15}+ > ){0,4}+
    (?: \s{1,16}+ | (?<=[\]>]) )
    (?! [.,;:)…] | (?<= \b \p{L} \. \s ) \p{L} \. | (?<! \p{L}{4} [.!?…] ["'”’»“)\]*_]{0,4} \s{1,16} ) \p{N} )
  | [。！？｡।॥]{1,8}+ (?: [」』”’）]{1,4}+ (?! [とって、，] | \p{Han}{1,6} [说說问問道答喊] ) | (?! [」』”’）] ) ) [ \t\u3000]{0,16}+
    """,
    regex.VERBOSE,
)
_SMALL_NEXT = regex.compile(r"\p{Ll}")
_STAMP = regex.compile(r"\s*[\[(]?\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?[\])]?\s*")
_MARK = regex.compile(r"\s*(?:>\s*)*(?:#{1,6}\s+)?")
_QUOTED_HISTORY = regex.compile(
    r"-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Forwarded message)"
    r"|(?:On|Am|Le|El)\s.{6,120}(?:wrote|schrieb|a écrit|escribió)(?:\s[^:]{1,80})?\s*:\s*$",
    regex.IGNORECASE,
)
_SIGNATURE = regex.compile(r"--\s*$")
_LONGEST_OPEN = 300  # characters of a sentence with an open bracket, in which a stop does not end it
_LONGEST_COURTESY = 40  # words; a longer sentence says something beside its thanks
_LONGEST_GREETING = 14  # words of a sentence that begins with a greeting
_FILLER_WORDS = 2
_WIDE_GAP = 2  # characters between two units, from which on their tokens count
_FARTHEST_ANTECEDENT = 20  # units before a pronoun, beyond which it is not looked for
_SHORT_SENTENCE = 12  # words; a shorter one behind a condition mostly belongs to it


@dataclass(frozen=True, slots=True)
class Unit:
    """What may be taken or left as a whole: a sentence, a heading, a list item, a row, a line.

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


class Document:
    """A text with its units, in order. Only white space stands between two units outside of forms.

    `content_type`: what the text is, where the caller knows. Raises ContentTypeError where it is not that.
    """

    def __init__(self, text: str, content_type: str | None = None) -> None:
        self.text = text
        self.blocks: list[Block] = blocks_around(text, find_forms(text, content_type))
        self.language: Language = guess_language(self._reading)
        self.units: list[Unit] = list(_with_needs(text, _units(text, self.blocks), self.language))
        if "]: " in text:
            for at, needs in needed_definitions([text[unit.start : unit.end] for unit in self.units]).items():
                unit = self.units[at]
                if unit.part is None:
                    self.units[at] = replace(unit, needs=tuple(dict.fromkeys((*unit.needs, *needs))))

    @cached_property
    def _reading(self) -> str:
        """The text as a person reads it, its markup and encoded parts left out."""
        said: list[str] = []
        reach = 0
        for block in self.blocks:
            if is_spoken(block.form):
                said += self.text[reach : block.form.start], *map(block.form.said, range(len(block.form.parts)))
                reach = block.form.end
        return "\n".join([*said, self.text[reach:]]) if said else self.text

    def text_of(self, unit: int) -> str:
        """The text of a unit, as a person reads it."""
        found = self.units[unit]
        form = self.blocks[found.block].form
        return form.said(found.place) if is_spoken(form) else self.text[found.start : found.end]

    def words_of(self, unit: int) -> str:
        """The text of a unit behind a list mark or a speaker."""
        found = self.units[unit]
        if is_spoken(self.blocks[found.block].form):
            return self.text_of(unit)
        return self.text[found.head : found.end]

    def text_of_fact(self, fact: Fact) -> str:
        """A fact as a person reads it."""
        return self._spoken.get((fact.start, fact.end), self.text[fact.start : fact.end])

    @cached_property
    def is_prose(self) -> bool:
        """Whether it has any block of sentences."""
        return any(block.kind in PROSE for block in self.blocks)

    @cached_property
    def opening(self) -> int | None:
        """The first sentence of prose that is not minor."""
        found = (at for at, unit in enumerate(self.units) if unit.kind == "prose" and not unit.is_minor)
        return next(found, None)

    @cached_property
    def structure(self) -> tuple[Kind, ...]:
        """The kinds of its blocks, each once, in order."""
        return tuple(dict.fromkeys(block.kind for block in self.blocks))

    @cached_property
    def costs(self) -> list[int]:
        """The estimated tokens of each unit, those of a deep indentation before the next one with it."""
        ends = [*(unit.start for unit in self.units[1:]), len(self.text)]
        return [self._cost(unit, end) for unit, end in zip(self.units, ends, strict=False)]

    def _cost(self, unit: Unit, end: int) -> int:
        if unit.part is not None and unit.part.cost is not None:
            return unit.part.cost
        gap = self.text[unit.end : end]
        around = max(0, estimate_tokens(gap) - 1) if unit.part is None and len(gap) > _WIDE_GAP else 0
        return estimate_tokens(self.text[unit.start : unit.end]) + around

    @cached_property
    def all_facts(self) -> list[Fact]:
        """The facts of the text, those of headers, speakers and time stamps too."""
        found: list[Fact] = []
        self._spoken: dict[tuple[int, int], str] = {}
        reach = 0
        for unit in self.units:
            form = self.blocks[unit.block].form
            if not is_spoken(form):
                continue
            if unit.place == 0:
                found += self._facts_between(reach, form.start)
                reach = form.end
            said = form.said(unit.place)
            for fact in find_facts(said, self.language):
                start, end = form.place(unit.place, fact.start, fact.end)
                found.append(replace(fact, start=start, end=end))
                self._spoken[start, end] = said[fact.start : fact.end]
        return found + self._facts_between(reach, len(self.text))

    def _facts_between(self, start: int, end: int) -> list[Fact]:
        found = find_facts(self.text[start:end], self.language)
        return [replace(fact, start=fact.start + start, end=fact.end + start) for fact in found] if start else found

    @cached_property
    def facts(self) -> list[list[Fact]]:
        """The facts of each unit, those of its speaker and time stamp left out."""
        found: list[list[Fact]] = [[] for _ in self.units]
        at = 0
        for fact in self.all_facts:
            while at + 1 < len(self.units) and self.units[at + 1].start <= fact.start:
                at += 1
            if self.units and fact.start >= self.units[at].head:
                found[at].append(fact)
        return found

    @cached_property
    def stems(self) -> list[list[str]]:
        """The stems of the content words of each unit, in order."""
        return [stems(self.words_of(at), self.language) for at in range(len(self.units))]

    @cached_property
    def frequencies(self) -> Counter[str]:
        """In how many units each stem stands."""
        return Counter(stem for found in self.stems for stem in set(found))

    def units_of(self, literal: str) -> range:
        """The units that `literal` touches where it stands first. Raises LiteralNotFoundError where it does not."""
        start = self.text.find(literal)
        if start < 0:
            raise LiteralNotFoundError(f"must_keep: {literal!r} does not stand in the text")
        end = start + len(literal)
        touched = [at for at, unit in enumerate(self.units) if unit.start < end and unit.end > start]
        return range(touched[0], touched[-1] + 1) if touched else range(0)


def read(text: str, content_type: str | None = None) -> Document:
    """Read a text. Linear time. Raises ContentTypeError."""
    return Document(text, content_type)


def sentences(text: str) -> list[Span]:
    """The sentences of `text`, without the white space around them."""
    return [span for span in _sentences(text, 0, len(text)) if span.end > span.start]


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    begin = start
    is_small = None
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end and _SMALL_NEXT.match(text, match.end()):
            if is_small is None:
                is_small = _is_without_capitals(text[start:end])
            if not is_small:
                continue
        if (
            text.count("(", begin, match.end()) > text.count(")", begin, match.end())
            and match.end() - begin < _LONGEST_OPEN
        ):
            continue
        yield _stripped(text, begin, match.end())
        begin = match.end()
    if begin < end:
        yield _stripped(text, begin, end)


def _is_without_capitals(text: str) -> bool:
    """Whether its sentences begin with small letters."""
    return len(regex.findall(r"[.!?] \p{Ll}", text)) > len(regex.findall(r"[.!?] \p{Lu}", text))


def _stripped(text: str, start: int, end: int) -> Span:
    said = text[start:end]
    lead = len(said) - len(said.lstrip())
    return Span(start + lead, max(start + lead, start + len(said.rstrip())))


def _units(text: str, found: list[Block]) -> Iterator[Unit]:
    """The units with their place in their block; what they need is not known yet."""
    count = 0
    for number, block in enumerate(found):
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
                lead = _stripped(text, span.start, span.end).start if block.kind == "heading" else span.start
                yield Unit(span.start, span.end, block.kind, number, place, max(lead, _mark_end(text, span)))
            count += len(spans)
            continue
        for place, (span, is_head) in enumerate(_prose_spans(text, block)):
            head = _words_start(text, span, block.kind) if is_head else span.start
            yield Unit(span.start, span.end, block.kind, number, place, head)
            count += 1


def _prose_spans(text: str, block: Block) -> Iterator[tuple[Span, bool]]:
    """The sentences of a block, each with whether an item, a turn or a line of its own begins with it."""
    for run in _runs(text, block):
        for at, span in enumerate(_sentences(text, run.start, run.end)):
            if span.end > span.start:
                yield span, at == 0


def _runs(text: str, block: Block) -> list[Span]:
    """What sentences do not go over: lines, or items and turns with all their lines, or a wrapped paragraph."""
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
    """Where the words of a unit begin, behind quotation signs, a list mark, a time stamp, a speaker."""
    at = _mark_end(text, span)
    if kind == "list":
        mark = LIST_MARK.match(text, at, span.end)
        at = mark.end() if mark else at
    elif kind == "chat":
        mark = SPEAKER.match(text, at, span.end)
        at = mark.end() if mark else at
    else:
        mark = _STAMP.match(text, at, span.end)
        at = mark.end() if mark else at
    return at if at < span.end else span.start


def _with_needs(text: str, found: Iterator[Unit], language: Language) -> Iterator[Unit]:
    """Each unit with the units that it needs, and whether it is minor."""
    units = list(found)
    is_history = is_signature = False
    parents: list[int] = []
    for at, unit in enumerate(units):
        if unit.part is not None:
            yield unit
            continue
        said = text[unit.head : unit.end]
        line = text[unit.start : unit.end]
        is_history = is_history or _QUOTED_HISTORY.match(line) is not None
        is_signature = (is_signature and unit.kind != "heading") or _SIGNATURE.match(line) is not None
        is_minor = is_history or is_signature or unit.kind == "quoted" or is_courtesy(said, language)
        is_minor = is_minor or (unit.kind == "chat" and _is_filler(said) and not _is_asked(text, units, at))
        if unit.kind in PROSE:
            needs = _prose_needs(text, units, at, said, language)
        else:
            needs = _line_needs(text, units, at, parents)
        units[at] = replace(unit, needs=needs, is_minor=is_minor)
        yield units[at]


def is_courtesy(said: str, language: Language) -> bool:
    """Whether a sentence only greets, thanks or wishes well: it has no figure in it."""
    if any(map(str.isdigit, said)) or said.rstrip().endswith((":", "：")):
        return False
    length = len(said.split())
    if length <= _LONGEST_GREETING and cues.has("greeting", said, language):
        return True
    return length <= _LONGEST_COURTESY and cues.has("courtesy", said, language)


def _is_filler(said: str) -> bool:
    """Whether a sentence of a turn says nothing by itself: "Okay.", "Will do.", "Anything else?"."""
    return len(said.split()) <= _FILLER_WORDS and not any(map(str.isdigit, said))


def _prose_needs(text: str, units: list[Unit], at: int, said: str, language: Language) -> tuple[int, ...]:
    unit = units[at]
    needs = []
    before = units[at - 1] if at else None
    if before is None or before.kind == "heading":
        return ()
    if unit.head == unit.start and unit.kind in ("chat", "list") and before.block == unit.block:
        # A later sentence of a turn or an item needs the one that says who speaks, or what the item is.
        is_first = before.head != before.start or before.block != unit.block or not before.needs
        needs.append(at - 1 if is_first else before.needs[0])
    follows = unit.block == before.block
    if follows and any(cues.has(cue, said, language) for cue in ("connective", "consequence")):
        needs.append(at - 1)
    elif (follows or before.kind == unit.kind == "prose") and any(
        cues.has(cue, said, language) for cue in ("pronoun", "definite", "attribution")
    ):
        needs.append(_antecedent(text, units, at, language))
    elif follows and _is_conditioned(said, text[before.head : before.end], language):
        needs.append(at - 1)
    is_reply = unit.kind == "chat" or (before.kind == "quoted" and unit.kind == "prose")
    if text[before.start : before.end].endswith((":", "：")) or (is_reply and _is_asked(text, units, at)):
        needs.append(at - 1)
    return tuple(dict.fromkeys(needs))


def _is_conditioned(said: str, before: str, language: Language) -> bool:
    """Whether a short sentence goes on under the condition that the one before it begins with."""
    return (
        len(said.split()) <= _SHORT_SENTENCE
        and cues.has("condition", before, language)
        and not cues.has("condition", said, language)
    )


def _antecedent(text: str, units: list[Unit], at: int, language: Language) -> int:
    """The nearest unit before `at`, in the block of the one before it, that does not begin with a pronoun itself."""
    back = at - 1
    while back > max(0, at - _FARTHEST_ANTECEDENT) and units[back - 1].block == units[at - 1].block:
        said = text[units[back].head : units[back].end]
        if not cues.has("pronoun", said, language) and not cues.has("definite", said, language):
            break
        back -= 1
    return back


def _is_asked(text: str, units: list[Unit], at: int) -> bool:
    """Whether a turn, or a reply under a quoted mail, answers the question right before it."""
    if not at:
        return False
    before, unit = units[at - 1], units[at]
    asked = text[before.start : before.end].rstrip("\"'”’» ").endswith(("?", "？", "؟"))
    return asked and (unit.head != unit.start or before.kind != unit.kind)


def _line_needs(text: str, units: list[Unit], at: int, parents: list[int]) -> tuple[int, ...]:
    """The header of a row, the parent of an indented line. `parents`: open lines of the block so far, changed."""
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
