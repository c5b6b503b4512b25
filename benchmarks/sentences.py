"""Sentences and lines of a text, fragments of them in a result, and simple ways to shorten a text.

The rules are independent of the service: the code under test must not decide where a sentence ends.
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
_PREFIXES = tuple(
    re.compile(prefix)
    for prefix in (
        r"[>|\s]+",
        r"(?:[-*+•–—·#]+|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])[ \t]+|\d{1,3}、",
        r"[\[(]?\d{1,4}[:\-/.]\d{2}(?:[:\-/.]\d{2,4})?(?:[.,]\d+)?[\])]?[ \t]+",
        r"[*_„“”\"'«]+",
        r"[*_]*[^\W\d_][^:：\n.!?]{0,40}[:：][*_]*[ \t]*",
    )
)
"""What may precede the first word of a sentence in its line: quotation marks, a list mark, a time, a speaker."""

_SMALL_BEGIN = re.compile(r"(?<=[a-z]{4})[.!?] [a-z]")  # not "Y. pestis", not "e.g. rats"
_CAPITAL_BEGIN = re.compile(r"[.!?] [A-Z]")
_LINE_SIGN = re.compile(r"^\s*(>|//|/\*|#|\*|--)")  # of a quotation or a comment
_LONGEST_PREFIX = 4  # words
_SHORTEST_WRAPPED = 45  # characters of a line that continues in the next
_SHORTEST_FRAGMENT = 3  # words; shorter parts may occur by chance
_MOST_JOINED = 12  # most pieces of a result that form a sentence of the source across lines


def words(text: str) -> list[str]:
    """The words of `text` without differences of case; in scripts without spaces each character is a word."""
    return [match.group().casefold() for match in _WORD.finditer(text)]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A slice of a text; `first` and `last` (included) are the indexes of its words in the text."""

    start: int
    end: int
    first: int
    last: int
    line: int


class Boundaries:
    """The words of a text, and the boundaries of its sentences and lines.

    A sentence ends at the end of a line, unless the next line continues it, and at a stop with a space after it,
    unless a lower-case letter follows.
    """

    def __init__(self, text: str, *, is_small: bool | None = None) -> None:
        """`is_small`: whether its sentences begin with lower-case letters; None: detect it."""
        self.text = text
        self.is_small = _begins_small(text) if is_small is None else is_small
        matches = list(_WORD.finditer(text))
        self.spans = [match.span() for match in matches]
        self.words = [match.group().casefold() for match in matches]
        self.breaks = self._breaks()
        self.starts = {*self.breaks, *self._after_prefixes()}
        self.ends = {at - 1 for at in self.breaks if at} | {len(self.words) - 1}

    def _breaks(self) -> list[int]:
        """Indexes of the first words of sentences and lines."""
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

    def _after_prefixes(self) -> set[int]:
        """Indexes of the first words after a list mark, a time or a speaker."""
        number_at = {start: number for number, (start, _) in enumerate(self.spans)}
        numbers: set[int] = set()
        offset = 0
        for line in self.text.split("\n"):
            at = 0
            for prefix in _PREFIXES:
                match = prefix.match(line, at)
                if match is None or len(match.group().split()) > _LONGEST_PREFIX:
                    continue
                at = match.end()
                following = _WORD.search(line, at)
                if following is not None:
                    numbers.add(number_at.get(offset + following.start(), 0))
            offset += len(line) + 1
        return numbers

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Indexes of each word."""
        places: dict[str, list[int]] = {}
        for at, word in enumerate(self.words):
            places.setdefault(word, []).append(at)
        return places

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The sentences and lines, each with the punctuation around its words."""
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
        """Indexes at which these words occur in a row."""
        length = len(run)
        return [at for at in self.places.get(run[0], ()) if self.words[at : at + length] == run] if run else []

    def has_whole(self, run: Sequence[str]) -> bool:
        """Whether these words are whole sentences or lines somewhere."""
        return any(at in self.starts and at + len(run) - 1 in self.ends for at in self.find(run))


def _begins_small(text: str) -> bool:
    return len(_SMALL_BEGIN.findall(text)) > len(_CAPITAL_BEGIN.findall(text))


def _goes_on(before: str, after: str) -> bool:
    """Whether the line `after` continues the sentence of the line `before`, as in hard-wrapped prose."""
    if _LINE_SIGN.findall(before) != _LINE_SIGN.findall(after):
        return False
    before, after = (_LINE_SIGN.sub("", line).strip("> \t") for line in (before, after))
    if len(before) < _SHORTEST_WRAPPED or len(before.split()) < 5 or not after[:1].islower():
        return False
    is_open = before[-1] not in ".!?…:;|{}[]()<>\\,=" or (before[-1] == "," and " " in before)
    return is_open and sum(c.isalpha() or c.isspace() for c in before) >= 0.85 * len(before)


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence or line of a result. `whole`: a sentence or line of the source; `fragment`: a part of one; `short`: a
    part of fewer than three words; `own`: not in the source.
    """

    kind: PieceKind
    text: str
    line: int


def pieces(source: Boundaries, result: str) -> list[Piece]:
    """The kinds of the sentences and lines of `result`. Neighbours that form a sentence of the source are whole."""
    parts = [part for number, line in enumerate(result.split("\n")) for part in _parts(source, line, number)]
    kinds: list[Piece] = []
    at = 0
    while at < len(parts):
        count = _joined(source, parts[at : at + _MOST_JOINED])
        for run, text, line in parts[at : at + max(count, 1)]:
            kinds.append(Piece("whole" if count else _kind(source, run), text, line))
        at += max(count, 1)
    return kinds


_Part = tuple[list[str], str, int]


def _parts(source: Boundaries, line: str, number: int) -> list[_Part]:
    """The words, the text and the line's number of each sentence of a line of a result."""
    cut = Boundaries(line, is_small=source.is_small)
    return [
        (cut.words[sentence.first : sentence.last + 1], cut.text_of(sentence), number) for sentence in cut.sentences
    ]


def _joined(source: Boundaries, parts: Sequence[_Part]) -> int:
    """Number of first parts that together are a whole sentence of the source; 0 if there are none."""
    run: list[str] = []
    for count, (words_of_part, _, _) in enumerate(parts, 1):
        run = [*run, *words_of_part]
        if source.has_whole(run):
            return count
        if not source.find(run):
            return 0
    return 0


def _kind(source: Boundaries, run: Sequence[str]) -> PieceKind:
    if not source.find(run):
        return "own"
    length = sum(0.5 if re.match(f"[{_UNSPACED}]", word) else 1.0 for word in run)
    return "fragment" if length >= _SHORTEST_FRAGMENT else "short"


def share_of_fragments(parts: Sequence[Piece]) -> tuple[int, int]:
    """Numbers of lines with a fragment, and of all lines."""
    return len({piece.line for piece in parts if piece.kind == "fragment"}), len({piece.line for piece in parts})


def pick(source: Boundaries, order: Iterable[int], budget: float, *, skips: bool = True) -> str:
    """The source's sentences, chosen in this order while they fit the budget of tokens, in the order of the text.

    With `skips`, sentences that do not fit are skipped; without, the first of them ends the choice.
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
