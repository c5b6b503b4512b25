"""A text as it is read: units, which are taken or left as a whole, with what each says and what it needs beside it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import regex

from app.text import cues
from app.text.blocks import LIST_MARK, PROSE, SPEAKER, Block, Kind, Span, blocks
from app.text.facts import Fact, LiteralNotFoundError, find_facts
from app.text.language import Language, guess_language, stems
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
_LONGEST_COURTESY = 40  # words; a longer sentence says something beside its thanks
_LONGEST_GREETING = 14  # words of a sentence that begins with a greeting and has no other courtesy
_SHORT_SENTENCE = 12  # words; a shorter one behind a condition mostly belongs to it


@dataclass(frozen=True, slots=True)
class Unit:
    """What may be taken or left as a whole: a sentence, a heading, a list item, a row, a line.

    `head`: where its words begin, behind a list mark or a speaker. `place`: its number in its block. `needs`: the units
    without which it is not understood. `is_minor`: a courtesy, a signature or quoted mail, worth nearly nothing.
    """

    start: int
    end: int
    kind: Kind
    block: int
    place: int
    head: int
    needs: tuple[int, ...] = ()
    is_minor: bool = False


class Document:
    """A text with its units, in order. Only white space stands between two units."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.language: Language = guess_language(text)
        self.blocks: list[Block] = blocks(text)
        self.units: list[Unit] = list(_with_needs(text, _units(text, self.blocks), self.language))

    def text_of(self, unit: int) -> str:
        """The text of a unit."""
        found = self.units[unit]
        return self.text[found.start : found.end]

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
        """The estimated tokens of each unit."""
        return [estimate_tokens(self.text[unit.start : unit.end]) for unit in self.units]

    @cached_property
    def facts(self) -> list[list[Fact]]:
        """The facts of each unit, those of its speaker and time stamp left out."""
        found: list[list[Fact]] = [[] for _ in self.units]
        at = 0
        for fact in find_facts(self.text, self.language):
            while at + 1 < len(self.units) and self.units[at + 1].start <= fact.start:
                at += 1
            if self.units and fact.start >= self.units[at].head:
                found[at].append(fact)
        return found

    @cached_property
    def stems(self) -> list[list[str]]:
        """The stems of the content words of each unit, in order."""
        return [stems(self.text[unit.head : unit.end], self.language) for unit in self.units]

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


def read(text: str) -> Document:
    """Read a text. Linear time."""
    return Document(text)


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
    for number, block in enumerate(found):
        if block.kind not in PROSE:
            spans = [Span(block.lines[0].start, block.lines[-1].end)] if block.kind == "heading" else block.lines
            for place, span in enumerate(spans):
                lead = _stripped(text, span.start, span.end).start if block.kind == "heading" else span.start
                yield Unit(span.start, span.end, block.kind, number, place, max(lead, _mark_end(text, span)))
            continue
        for place, (span, is_head) in enumerate(_prose_spans(text, block)):
            head = _words_start(text, span, block.kind) if is_head else span.start
            yield Unit(span.start, span.end, block.kind, number, place, head)


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
        said = text[unit.head : unit.end]
        line = text[unit.start : unit.end]
        is_history = is_history or _QUOTED_HISTORY.match(line) is not None
        is_signature = (is_signature and unit.kind != "heading") or _SIGNATURE.match(line) is not None
        is_minor = is_history or is_signature or unit.kind == "quoted" or is_courtesy(said, language)
        if unit.kind in PROSE:
            needs = _prose_needs(text, units, at, said, language)
        else:
            needs = _line_needs(text, units, at, parents)
        yield Unit(unit.start, unit.end, unit.kind, unit.block, unit.place, unit.head, needs, is_minor)


def is_courtesy(said: str, language: Language) -> bool:
    """Whether a sentence only greets, thanks or wishes well: it has no figure in it."""
    length = len(said.split())
    found = cues.pattern("courtesy", language.code)
    match = found.search(said) if found and length <= _LONGEST_COURTESY else None
    if found is None or match is None or any(map(str.isdigit, said)) or said.rstrip().endswith((":", "：")):
        return False
    is_greeting_alone = match.start() == 0 and found.search(said, match.end()) is None
    return length <= _LONGEST_GREETING or not is_greeting_alone


def _prose_needs(text: str, units: list[Unit], at: int, said: str, language: Language) -> tuple[int, ...]:
    unit = units[at]
    needs = []
    before = units[at - 1] if at else None
    if before is None or before.kind == "heading":
        return ()
    if unit.head == unit.start and unit.kind in ("chat", "list"):
        # A later sentence of a turn or an item needs the one that says who speaks, or what the item is.
        first = next(back for back in range(at - 1, -1, -1) if units[back].head != units[back].start or back == 0)
        if units[first].block == unit.block:
            needs.append(first)
    if unit.block == before.block and cues.has("connective", said, language):
        needs.append(at - 1)
    elif unit.block == before.block and cues.has("pronoun", said, language):
        needs.append(_antecedent(text, units, at, language))
    elif unit.block == before.block and _is_conditioned(said, text[before.head : before.end], language):
        needs.append(at - 1)
    if text[before.start : before.end].endswith((":", "：")) or (unit.kind == "chat" and _is_asked(text, units, at)):
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
    """The nearest unit before `at` in its block that does not begin with a pronoun itself."""
    back = at - 1
    while back > 0 and units[back - 1].block == units[at].block:
        said = text[units[back].head : units[back].end]
        if not cues.has("pronoun", said, language):
            break
        back -= 1
    return back


def _is_asked(text: str, units: list[Unit], at: int) -> bool:
    """Whether a turn answers the question right before it."""
    unit = units[at]
    asked = text[units[at - 1].start : units[at - 1].end].rstrip("\"'”’» ")
    return unit.head != unit.start and asked.endswith(("?", "？", "؟"))


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
