"""A text for reading made from a slice of another: HTML without tags, a decoded mail, joined subtitles.

It is processed like any text. Each of its units is a part of the form, with a slice of the source.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.text import cues
from app.text.cue_words import Cue
from app.text.kinds.form import Form, Kind, Part
from app.text.language import Language

if TYPE_CHECKING:
    from app.text.document import Document

MINOR_WORTH = -1.0  # of a courtesy, a signature, a quoted mail or a footer: nearly nothing
CUE_WORTH: dict[Cue, float] = {"binding": 0.9, "conclusion": 0.45}
_AGREEMENT_WORTH = 0.3
_OPENING_WORTH = 0.5
_GAP_LOOK = 200  # characters
_DEEPEST = 2  # levels of forms inside forms; a mail in a mail in a mail is plain lines
_depth: ContextVar[int] = ContextVar("depth of forms in forms", default=0)


@dataclass(frozen=True, slots=True)
class Segment:
    """`length` characters of a view from `at` on, made from the slice `start` to `end` of the source."""

    at: int
    length: int
    start: int
    end: int


@dataclass(slots=True)
class View:
    """A text, and the slices of a source from which it was made. Segments are in order in both."""

    segments: list[Segment] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    _text: str | None = None
    _starts: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        if self._text is None or len(self._text) != self.length:
            self._text = "".join(self.pieces)
            self.pieces = [self._text]
        return self._text

    def add(self, text: str, start: int, end: int) -> None:
        """Append the text of the slice `start` to `end` of the source; an empty text only marks the place."""
        self.segments.append(Segment(self.length, len(text), start, end))
        self.put(text)

    def put(self, text: str) -> None:
        """Append text that is not from the source: a list mark, a line break."""
        self.pieces.append(text)
        self.length += len(text)

    def slice_of(self, start: int, end: int) -> tuple[int, int] | None:
        """The slice of the source from which `start` to `end` was made; None for text appended by `put`."""
        if len(self._starts) != len(self.segments):
            self._starts = [segment.at for segment in self.segments]
            self._ends = [segment.at + segment.length for segment in self.segments]
        first = bisect_right(self._ends, start)
        while first > 0 and self.segments[first - 1].at == start:
            first -= 1
        last = bisect_left(self._starts, end) - 1
        if first > last:
            return None
        head, tail = self.segments[first], self.segments[last]
        return _inside(head, max(start - head.at, 0)), _inside(tail, min(end - tail.at, tail.length))

    def sliced(self, start: int, end: int) -> "View":
        """The view of the slice `start` to `end`."""
        cut = View()
        cut.put(self.text[start:end])
        for segment in self.segments:
            begin, stop = max(start, segment.at), min(end, segment.at + segment.length)
            if begin < stop or (begin == stop and not segment.length and begin < end):
                place = (
                    _inside(segment, begin - segment.at),
                    _inside(segment, stop - segment.at) if segment.length else segment.end,
                )
                cut.segments.append(Segment(begin - start, stop - begin, *place))
        return cut

    def through(self, origin: "View") -> "View":
        """The view, with places in the source of `origin` instead of places in the text of `origin`."""
        moved = View(pieces=[self.text], length=self.length)
        for segment in self.segments:
            place = origin.slice_of(segment.start, max(segment.end, segment.start + 1))
            if place is not None:
                moved.segments.append(Segment(segment.at, segment.length, *place))
        return moved


def _inside(segment: Segment, offset: int) -> int:
    """The place in the source of an offset in a segment: exact if both are equally long, else proportional."""
    length = segment.end - segment.start
    if segment.length in (0, length):
        return segment.start + offset
    return segment.start + offset * length // segment.length


@dataclass(frozen=True, slots=True)
class Section:
    """A view that is read separately. `rank`: its place in the result; `is_minor`: nothing in it matters much.

    `worth`: added to each of its units; `is_plain`: it contains no forms; `is_matter`: its quotations are its subject.
    """

    view: View
    rank: int = 0
    is_minor: bool = False
    worth: float = 0.0
    is_plain: bool = False
    is_matter: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part: a slice of its section's text, or a part of a form inside that text."""

    section: int
    start: int
    end: int
    form: Form | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class ViewForm:
    """The form of a slice that is read through views."""

    kind: Kind
    start: int
    end: int
    parts: tuple[Part, ...]
    sections: tuple[Section, ...]
    pieces: tuple[_Piece, ...]

    def render(self, chosen: Sequence[int]) -> str:
        """The text for reading of the chosen parts, section by section."""
        ordered = sorted(chosen, key=lambda number: (self.sections[self.pieces[number].section].rank, number))
        rendered: list[str] = []
        before: int | None = None
        at = 0
        while at < len(ordered):
            stop = self._run_end(ordered, at)
            rendered.append(self._separator(before, ordered[at]))
            rendered.append(self._rendered(ordered[at:stop]))
            before = ordered[stop - 1]
            at = stop
        return "".join(rendered)

    def part_text(self, part: int) -> str:
        """The text of a part, decoded and without markup."""
        piece = self.pieces[part]
        return self.sections[piece.section].view.text[piece.start : piece.end]

    def place(self, part: int, start: int, end: int) -> tuple[int, int]:
        """The slice of the source from which a slice of a part's text was made."""
        piece = self.pieces[part]
        slice_in_text = self.sections[piece.section].view.slice_of(piece.start + start, piece.start + end)
        return slice_in_text or (self.parts[part].start, self.parts[part].end)

    def _run_end(self, ordered: Sequence[int], at: int) -> int:
        """The end of the parts from `at` on that are rendered together."""
        first = self.pieces[ordered[at]]
        stop = at + 1
        while stop < len(ordered):
            piece = self.pieces[ordered[stop]]
            follows = ordered[stop] == ordered[stop - 1] + 1 or first.form is not None
            if piece.form is not first.form or piece.section != first.section or not follows:
                break
            stop += 1
        return stop

    def _rendered(self, run: Sequence[int]) -> str:
        first, last = self.pieces[run[0]], self.pieces[run[-1]]
        if first.form is not None:
            return first.form.render([self.pieces[number].number for number in run]).strip("\n")
        return self.sections[first.section].view.text[first.start : last.end]

    def _separator(self, before: int | None, after: int) -> str:
        if before is None:
            return ""
        piece, following = self.pieces[before], self.pieces[after]
        if piece.section != following.section:
            return "\n\n"
        text = self.sections[piece.section].view.text
        # A long gap has a blank line in it if it has one at either end.
        ends = (
            text[piece.end : min(following.start, piece.end + _GAP_LOOK)],
            text[max(piece.end, following.start - _GAP_LOOK) : following.start],
        )
        if any("\n\n" in end for end in ends):
            return "\n\n"
        return "\n" if any("\n" in end for end in ends) or piece.form is not following.form else " "


def form_of(
    kind: Kind,
    start: int,
    end: int,
    sections: Sequence[Section],
    is_minor: Callable[[str], bool] = lambda text: False,
) -> ViewForm | None:
    """The form of a slice with the units of its sections as parts; None if it has no text.

    `is_minor`: whether a unit's text is worth nearly nothing for this kind of text. Linear time.
    """
    parts: list[Part] = []
    pieces: list[_Piece] = []
    for number, section in enumerate(sections):
        numbers: dict[int, int] = {}
        base = len(parts)
        for at, (piece, part) in enumerate(_units(section, number, is_minor)):
            place = section.view.slice_of(piece.start, piece.end)
            lowest = max(parts[-1].end if parts else 0, start)
            if place is not None:
                place = (max(place[0], lowest), min(place[1], end))
            if place is None or place[1] <= place[0]:
                # A part without its own slice belongs to the part before it.
                if len(parts) > base and pieces[-1].form is piece.form is None:
                    pieces[-1] = replace(pieces[-1], end=piece.end)
                    numbers[at] = len(parts) - 1
                continue
            numbers[at] = len(parts)
            needs = tuple(sorted({numbers[need] for need in part.needs if need in numbers} - {len(parts)}))
            parts.append(Part(*place, needs, part.worth, part.cost, part.is_default))
            pieces.append(piece)
    if not parts:
        return None
    return ViewForm(kind, start, end, tuple(_with_needed(parts)), tuple(sections), tuple(pieces))


def _with_needed(parts: Sequence[Part]) -> list[Part]:
    """The parts; those needed by a default part become default too."""
    completed = list(parts)
    open_parts = [at for at, part in enumerate(completed) if part.is_default]
    while open_parts:
        for need in completed[open_parts.pop()].needs:
            if not completed[need].is_default:
                completed[need] = replace(completed[need], is_default=True)
                open_parts.append(need)
    return completed


def _units(section: Section, number: int, is_minor: Callable[[str], bool]) -> Iterator[tuple[_Piece, Part]]:
    """The units of a section, with their needs as numbers among them."""
    document = _read(section)
    is_tail = False  # whether boilerplate has begun in the paragraph
    for at, unit in enumerate(document.units):
        form = document.blocks[unit.block].form
        piece = _Piece(number, unit.start, unit.end, form, unit.place)
        if unit.part is not None:
            inner = unit.part
            worth = MINOR_WORTH if section.is_minor else inner.worth
            is_default = inner.is_default and not section.is_minor
            yield piece, Part(unit.start, unit.end, unit.needs, worth, document.costs[at], is_default)
            continue
        text = document.text_of(at)
        same_line = at > 0 and "\n" not in document.text[document.units[at - 1].end : unit.start]
        is_tail = (is_tail and same_line) or is_minor(text)
        minor = section.is_minor or (unit.is_minor and not section.is_matter) or is_tail
        spoken = document.text[unit.head : unit.end]
        worth = MINOR_WORTH if minor else section.worth + _worth(spoken, unit.kind == "chat", document.language)
        worth += _OPENING_WORTH if at == document.opening and not minor else 0.0
        yield piece, Part(unit.start, unit.end, unit.needs, worth, document.costs[at], not minor)


def _read(section: Section) -> "Document":
    """The document of a section's text; forms in it are read unless it is nested too deeply itself."""
    # Imported here because document imports the kinds.
    from app.text.document import Document

    depth = _depth.get()
    if section.is_plain or depth >= _DEEPEST:
        return Document(section.view.text, "text")
    token = _depth.set(depth + 1)
    try:
        return Document(section.view.text)
    finally:
        _depth.reset(token)


def _worth(text: str, is_turn: bool, language: Language) -> float:
    if text.rstrip().endswith(("?", "？", "؟")):
        return 0.0
    worth = cues.weight(CUE_WORTH, text, language)
    return worth + (_AGREEMENT_WORTH if is_turn and cues.has("agreement", text, language) else 0.0)
