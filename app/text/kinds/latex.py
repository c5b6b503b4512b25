"""LaTeX: sections, environments, formulas and sentences as a whole, without comments.

No library is used: pylatexenc and TexSoup build trees of whole documents, fail on unfinished ones or are slow. Only the
bounds of environments, formulas and groups are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import regex

from app.text import cues
from app.text.cue_words import Cue
from app.text.kinds.form import Kind, Part
from app.text.kinds.latex_tokens import Marks, without_commands, without_comments
from app.text.kinds.view import CUE_WORTH, View
from app.text.language import Language, guess_language
from app.text.tokens import estimate_tokens

_STRUCTURE = regex.compile(r"\\(?:documentclass|begin\{|(?:sub){0,2}section\*?\{|chapter\*?\{)")
_COMMAND = regex.compile(r"\\[a-zA-Z]{2,}")
_CHARACTERS_A_COMMAND = 400  # at most, in LaTeX
_MARKDOWN = regex.compile(r"^(?:```|~~~|#{1,6} )", regex.MULTILINE)
_OPTION = regex.compile(r"[ \t]*+(?:\[[^\[\]\n]{0,400}\])?+[ \t]*+(?=\{)")
_OPTIONS = regex.compile(r"(?:[ \t]*+\[[^\[\]\n]{0,400}\]|[ \t]*+\{[^{}\n]{0,200}\}){0,3}+")
_LABEL = regex.compile(r"\s*+\\label\{[^{}\n]{1,200}\}")
_FRAMES = frozenset(
    "document itemize enumerate description quote quotation abstract center flushleft flushright multicols minipage frame".split()
)
_THEOREM = regex.compile(r"\\begin\{(?:theorem|lemma|corollary|proposition|definition|conjecture|claim|axiom)\*?\}")
_CUE_WORTH: dict[Cue, float] = CUE_WORTH | {"negation": 0.7}
_CLOSING_WORTH = 0.2  # of the last sentence
_HEADING_WORTH = 0.1
_TITLE_WORTH = 0.5
_THEOREM_WORTH = 1.0
_FRAME_WORTH = -0.1  # an environment's frame is only worth taking with its content
_PREAMBLE_WORTH = -1.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A future part: a slice of the text without comments, and the numbers of the pieces that it needs."""

    start: int
    end: int
    needs: tuple[int, ...] = ()
    worth: float = 0.0
    is_default: bool = True


@dataclass(frozen=True, slots=True)
class LatexForm:
    """The form of LaTeX. `view`: the text without its comments."""

    start: int
    end: int
    parts: tuple[Part, ...]
    pieces: tuple[_Piece, ...]
    view: View
    kind: Kind = "latex"
    _views: dict[int, View] = field(default_factory=dict)

    def render(self, chosen: Sequence[int]) -> str:
        """The chosen parts verbatim, without comments."""
        rendered: list[str] = []
        before: int | None = None
        for number in chosen:
            piece = self.pieces[number]
            rendered += [
                "" if before is None else self._separator(before, number),
                self.view.text[piece.start : piece.end],
            ]
            before = number
        return "".join(rendered)

    def part_text(self, part: int) -> str:
        """The text of a part without commands: "1400 K" for "$1400\\,\\mathrm{K}$"."""
        return self._extracted(part).text

    def _extracted(self, part: int) -> View:
        view = self._views.get(part)
        if view is None:
            piece = self.pieces[part]
            view = self._views[part] = without_commands(self.view.text, piece.start, piece.end)
        return view

    def place(self, part: int, start: int, end: int) -> tuple[int, int]:
        """The slice of the source from which a slice of a part's text was made."""
        inner = self._extracted(part).slice_of(start, end)
        place = self.view.slice_of(*inner) if inner else None
        return place or (self.parts[part].start, self.parts[part].end)

    def _separator(self, before: int, after: int) -> str:
        text = self.view.text
        # The omitted text may begin or end with a blank line or a line break.
        gaps = [text[self.pieces[before].end : self.pieces[before + 1].start]]
        if after > before + 1:
            gaps.append(text[self.pieces[after - 1].end : self.pieces[after].start])
        return "\n\n" if any(map(_BLANK.search, gaps)) else "\n" if any("\n" in gap for gap in gaps) else " "


_BLANK = regex.compile(r"\n[ \t]*+\n")


def read(text: str, start: int, end: int) -> LatexForm | None:
    """The form of a slice that is LaTeX; None if it is not. Linear time."""
    if _STRUCTURE.search(text, start, end) is None or _MARKDOWN.search(text, start, end):
        return None
    commands = sum(1 for _ in _COMMAND.finditer(text, start, end))
    if commands * _CHARACTERS_A_COMMAND < end - start:
        return None
    view = without_comments(text, start, end)
    pieces = _Reader(view.text, Marks(view.text)).read()
    parts: list[Part] = []
    for piece in pieces:
        place = view.slice_of(piece.start, piece.end)
        if place is None:
            return None
        cost = estimate_tokens(view.text[piece.start : piece.end])
        parts.append(Part(*place, piece.needs, piece.worth, cost, piece.is_default))
    return LatexForm(start, end, tuple(parts), tuple(pieces), view) if parts else None


@dataclass(slots=True)
class _Reader:
    """Splits LaTeX into pieces. `frames`: numbers of the open frames; `opened`: ends of texts continued by a formula."""

    text: str
    marks: Marks
    pieces: list[_Piece] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    opened: set[int] = field(default_factory=set)

    def read(self) -> list[_Piece]:
        """The pieces, in order."""
        language = guess_language(self.text)
        begin = skip = 0
        item: int | None = None
        frame_ends: dict[int, int] = {}
        for token in self.marks.tokens:
            at = token.start()
            if at < skip:
                continue
            stop = self._whole_end(token)
            is_frame_end = at in frame_ends
            if stop is None and not is_frame_end and not token["blank"] and not token["item"]:
                continue
            self._sentences(begin, at, item, language)
            begin = at if token["item"] else token.end()
            if token["item"]:
                item = len(self.pieces)
            elif is_frame_end:
                self._close_frame(at, token.end(), frame_ends.pop(at))
                item = None
            elif stop is not None and token["edge"] and token["name"] in _FRAMES:
                begin = skip = self._open_frame(token, frame_ends)
            elif stop is not None:
                self._whole(token, at, stop)
                begin = skip = stop
        count = len(self.pieces)
        self._sentences(begin, len(self.text), item, language)
        if len(self.pieces) > count:
            self.pieces[-1] = replace(self.pieces[-1], worth=self.pieces[-1].worth + _CLOSING_WORTH)
        return self.pieces

    def _whole_end(self, token: regex.Match[str]) -> int | None:
        """The end of the element that begins here and is one part, or a frame of parts."""
        if token["head"]:
            option = _OPTION.match(self.text, token.end())
            end = self.marks.pairs.get(option.end()) if option else None
            label = _LABEL.match(self.text, end) if end else None
            return label.end() if label else end
        if token["edge"] == "begin" or token["open"] or token["display"]:
            return self.marks.pairs.get(token.start())
        return None

    def _open_frame(self, token: regex.Match[str], frame_ends: dict[int, int]) -> int:
        options = _OPTIONS.match(self.text, token.end())
        begin = options.end() if options else token.end()
        is_document = token["name"] == "document"
        number = len(self.pieces)
        self.pieces.append(_Piece(token.start(), begin, tuple(self.frames[-1:]), _FRAME_WORTH, not is_document))
        if not is_document:
            self.frames.append(number)
        frame_ends[self.marks.ends[token.start()]] = number
        return begin

    def _close_frame(self, start: int, end: int, opened: int) -> None:
        """Close a frame: its beginning and end need each other, and the pieces between need both."""
        number = len(self.pieces)
        first = self.pieces[opened]
        self.pieces.append(_Piece(start, end, (opened,), _FRAME_WORTH, first.is_default))
        self.pieces[opened] = replace(first, needs=(*first.needs, number))
        if opened in self.frames:
            del self.frames[self.frames.index(opened) :]

    def _whole(self, token: regex.Match[str], start: int, end: int) -> None:
        """Add a heading, an environment or a displayed formula, with the words that introduce it."""
        needs = list(self.frames[-1:])
        worth = 0.0
        if token["head"]:
            worth = _TITLE_WORTH if token["head"] == "title" else _HEADING_WORTH
        elif _THEOREM.match(self.text, start):
            worth = _THEOREM_WORTH
        before = self.pieces[-1] if self.pieces else None
        is_led_to = before is not None and before.end in self.opened and not _BLANK.search(self.text, before.end, start)
        if before is not None and is_led_to and not token["head"]:
            number = len(self.pieces)
            self.pieces[-1] = replace(before, needs=(*before.needs, number))
            needs.append(number - 1)
        self.pieces.append(_Piece(start, end, tuple(needs), worth))

    def _sentences(self, start: int, end: int, item: int | None, language: Language) -> None:
        """Add the sentences of a paragraph, an item, or the text between formulas."""
        if not self.text[start:end].strip():
            return
        first = item if item is not None and item < len(self.pieces) else None
        # Imported here because sentences imports blocks, which imports the kinds.
        from app.text.sentences import sentences

        spans = sentences(self.marks.masked(self.text, start, end))
        if end <= self.marks.body:
            piece = _Piece(start + spans[0].start, start + spans[-1].end, worth=_PREAMBLE_WORTH, is_default=False)
            self.pieces.append(piece)
            return
        sentence = ""
        for span in spans:
            sentence = self.text[start + span.start : start + span.end]
            needs = tuple(dict.fromkeys((*self.frames[-1:], *(() if first is None else (first,)))))
            worth = cues.weight(_CUE_WORTH, sentence, language)
            self.pieces.append(_Piece(start + span.start, start + span.end, needs, worth))
            if first is None and item == len(self.pieces) - 1:
                first = item
        if not sentence.rstrip().endswith((".", "!", "?")):
            self.opened.add(start + spans[-1].end)
