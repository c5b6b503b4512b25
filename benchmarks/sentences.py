"""Sentences and lines of a text, what of a result is cut out of one, and the simplest ways to shorten a text.

The rules are the benchmarks' own: what is measured must not say itself where a sentence ends.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from app.text.tokens import estimate_tokens

PieceKind = Literal["whole", "fragment", "short", "own"]

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0962\u0963\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}])*")
_STOP = re.compile(r"[.!?…؟۔‽][\"'”’»“)\]*_`]*\s|[。！？｡।॥]")
_STOP_BEFORE_NOTE = re.compile(r"[.!?][\"'”’)]*[\[:]")
_NOTE = re.compile(r"[.!?][\"'”’)]*(?:\[[^\[\]\n]{1,40}\])+\s*$")
_BLANK_LINE = re.compile(r"\n[>|\s]*\n")
_FRONTS = tuple(
    re.compile(front)
    for front in (
        r"[>|\s]+",
        r"(?:[-*+•–—·#]+|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])[ \t]+|\d{1,3}、",
        r"[\[(]?\d{1,4}[:\-/.]\d{2}(?:[:\-/.]\d{2,4})?(?:[.,]\d+)?[\])]?[ \t]+",
        r"[*_„“”\"'«]+",
        r"[*_]*[^\W\d_][^:：\n.!?]{0,40}[:：][*_]*[ \t]*",
    )
)
"""What may stand before the first word of a sentence in its line: quotation signs, a list mark, a time, a speaker."""

_SMALL_BEGIN = re.compile(r"(?<=[a-z]{4})[.!?] [a-z]")  # not "Y. pestis", not "e.g. rats"
_CAPITAL_BEGIN = re.compile(r"[.!?] [A-Z]")
_LINE_SIGN = re.compile(r"^\s*(>|//|/\*|#|\*|--)")  # of a quotation or a comment
_LONGEST_FRONT = 4  # words
_SHORTEST_WRAPPED = 45  # characters of a line that goes on in the next one
_SHORTEST_FRAGMENT = 3  # words; what is cut shorter than that may stand by chance
_MOST_JOINED = 12  # pieces of a result that are one sentence of the source, over the ends of lines


def words(text: str) -> list[str]:
    """The words of `text` without differences of case; in scripts without spaces each character is one."""
    return [match.group().casefold() for match in _WORD.finditer(text)]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A slice of a text, and its words' numbers `first` to `last` (included) among the words of the text."""

    start: int
    end: int
    first: int
    last: int
    line: int


class Boundaries:
    """The words of a text, and where its sentences and lines begin and end.

    A sentence ends at a line's end, unless the next line goes on with it, and at a stop with a space behind it,
    unless a small letter follows.
    """

    def __init__(self, text: str, *, is_small: bool | None = None) -> None:
        """`is_small`: whether its sentences begin with small letters; None to look."""
        self.text = text
        self.is_small = _begins_small(text) if is_small is None else is_small
        found = list(_WORD.finditer(text))
        self.spans = [match.span() for match in found]
        self.words = [match.group().casefold() for match in found]
        self.breaks = self._breaks()
        self.starts = {*self.breaks, *self._behind_fronts()}
        self.ends = {at - 1 for at in self.breaks if at} | {len(self.words) - 1}

    def _breaks(self) -> list[int]:
        """The numbers of the words with which something begins."""
        inner = (at for at in range(1, len(self.words)) if self._is_break(at))
        return [0, *inner] if self.words else []

    def _is_break(self, at: int) -> bool:
        end, start = self.spans[at - 1][1], self.spans[at][0]
        gap = self.text[end:start]
        if "\n" in gap:
            before = self.text[self.text.rfind("\n", 0, end) + 1 : end + gap.index("\n")]
            after = self.text[self.text.rfind("\n", 0, start) + 1 :].partition("\n")[0]
            return _BLANK_LINE.search(gap) is not None or not _goes_on(before, after)
        stop = _STOP.search(gap)
        if stop is not None and stop.group() in "。！？｡।॥":
            return True
        is_note = gap.startswith("]") and _NOTE.search(self.text, max(0, start - 60), start) is not None
        is_stop = stop is not None or _STOP_BEFORE_NOTE.search(gap) is not None or is_note
        return is_stop and (self.is_small or not self.text[start].islower() or ".[" in gap)

    def _behind_fronts(self) -> set[int]:
        """The numbers of the words that are the first behind a list mark, a time or a speaker."""
        number_at = {start: number for number, (start, _) in enumerate(self.spans)}
        found: set[int] = set()
        offset = 0
        for line in self.text.split("\n"):
            at = 0
            for front in _FRONTS:
                match = front.match(line, at)
                if match is None or len(match.group().split()) > _LONGEST_FRONT:
                    continue
                at = match.end()
                following = _WORD.search(line, at)
                if following is not None:
                    found.add(number_at.get(offset + following.start(), 0))
            offset += len(line) + 1
        return found

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each word stands."""
        places: dict[str, list[int]] = {}
        for at, word in enumerate(self.words):
            places.setdefault(word, []).append(at)
        return places

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The sentences and lines, each with the signs around its words."""
        cuts = [*self.breaks, len(self.words)]
        return [self._sentence(first, behind - 1) for first, behind in pairwise(cuts)]

    def _sentence(self, first: int, last: int) -> Sentence:
        start, end = self.spans[first][0], self.spans[last][1]
        while start and not self.text[start - 1].isspace() and (first == 0 or start > self.spans[first - 1][1]):
            start -= 1
        behind = self.spans[last + 1][0] if last + 1 < len(self.spans) else len(self.text)
        while end < behind and not self.text[end].isspace():
            end += 1
        return Sentence(start, end, first, last, self.text.count("\n", 0, start))

    def text_of(self, sentence: Sentence) -> str:
        """The text of a sentence."""
        return self.text[sentence.start : sentence.end]

    def find(self, run: Sequence[str]) -> list[int]:
        """Where these words stand in a row."""
        length = len(run)
        return [at for at in self.places.get(run[0], ()) if self.words[at : at + length] == run] if run else []

    def has_whole(self, run: Sequence[str]) -> bool:
        """Whether these words are whole sentences or lines somewhere."""
        return any(at in self.starts and at + len(run) - 1 in self.ends for at in self.find(run))


def _begins_small(text: str) -> bool:
    return len(_SMALL_BEGIN.findall(text)) > len(_CAPITAL_BEGIN.findall(text))


def _goes_on(before: str, after: str) -> bool:
    """Whether the line `after` goes on with the sentence of the line `before`, as in hard-wrapped prose."""
    if _LINE_SIGN.findall(before) != _LINE_SIGN.findall(after):
        return False
    before, after = (_LINE_SIGN.sub("", line).strip("> \t") for line in (before, after))
    if len(before) < _SHORTEST_WRAPPED or len(before.split()) < 5 or not after[:1].islower():
        return False
    is_open = before[-1] not in ".!?…:;|{}[]()<>\\,=" or (before[-1] == "," and " " in before)
    return is_open and sum(c.isalpha() or c.isspace() for c in before) >= 0.85 * len(before)


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence or line of a result. `whole`: one of the source's; `fragment`: cut out of one; `short`: the same, of
    fewer than three words; `own`: none of the source's.
    """

    kind: PieceKind
    text: str
    line: int


def pieces(source: Boundaries, result: str) -> list[Piece]:
    """What each sentence or line of `result` is. Neighbours that together are a sentence of the source are whole."""
    found = [part for number, line in enumerate(result.split("\n")) for part in _parts(source, line, number)]
    kinds: list[Piece] = []
    at = 0
    while at < len(found):
        count = _joined(source, found[at : at + _MOST_JOINED])
        for run, text, line in found[at : at + max(count, 1)]:
            kinds.append(Piece("whole" if count else _kind(source, run), text, line))
        at += max(count, 1)
    return kinds


_Part = tuple[list[str], str, int]


def _parts(source: Boundaries, line: str, number: int) -> list[_Part]:
    """The words, the text and the line's number of each sentence of a line of a result."""
    cut = Boundaries(line, is_small=source.is_small)
    return [(cut.words[one.first : one.last + 1], cut.text_of(one), number) for one in cut.sentences]


def _joined(source: Boundaries, parts: Sequence[_Part]) -> int:
    """How many of the first parts are together a whole sentence of the source; 0 for none."""
    run: list[str] = []
    for count, (found, _, _) in enumerate(parts, 1):
        run = [*run, *found]
        if source.has_whole(run):
            return count
        if not source.find(run):
            return 0
    return 0


def _kind(source: Boundaries, found: Sequence[str]) -> PieceKind:
    if not source.find(found):
        return "own"
    length = sum(0.5 if re.match(f"[{_UNSPACED}]", word) else 1.0 for word in found)
    return "fragment" if length >= _SHORTEST_FRAGMENT else "short"


def share_of_fragments(found: Sequence[Piece]) -> tuple[int, int]:
    """The lines that have a fragment, and all lines."""
    return len({one.line for one in found if one.kind == "fragment"}), len({one.line for one in found})


def pick(source: Boundaries, order: Iterable[int], budget: float, *, skips: bool = True) -> str:
    """The source's sentences in this order while they fit the budget of tokens, put back into the text's order.

    With `skips` those that do not fit are passed over; without, the first of them is the end.
    """
    taken = []
    for at in order:
        cost = estimate_tokens(source.text_of(source.sentences[at])) + 1  # for the line's end
        if cost <= budget:
            taken.append(at)
            budget -= cost
        elif not skips:
            break
    return "\n".join(source.text_of(source.sentences[at]) for at in sorted(taken))


def first_sentences(source: Boundaries, budget: float) -> str:
    """LEAD: the first sentences."""
    return pick(source, range(len(source.sentences)), budget, skips=False)


def firsts_of_paragraphs(source: Boundaries, budget: float) -> str:
    """The first sentence of each paragraph or line, then the second ones, and so on."""
    ranks: list[tuple[int, int]] = []
    rank = 0
    for at, sentence in enumerate(source.sentences):
        before = source.sentences[at - 1].end if at else 0
        rank = 0 if not at or "\n" in source.text[before : sentence.start] else rank + 1
        ranks.append((rank, at))
    return pick(source, (at for _, at in sorted(ranks)), budget)


Shorten = Callable[[Boundaries, float], str]
"""A way to shorten a text to a budget of tokens."""
