"""Line output of tools: search matches (`path:line:text`), columns under a header, file listings."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import regex

from app.text.kinds.entries import plain_number, trouble
from app.text.kinds.form import Kind, Part
from app.text.kinds.spans import filled_lines
from app.text.tokens import estimate_tokens

_MATCH = regex.compile(
    r"(?![^:\n]{0,300}(?:\d[T ]\d\d|/\d{4}):\d\d:\d\d)"  # a time stamp at the start of a log line is not a path
    r"(?P<path>(?=[^:\n]{0,300}[A-Za-z])[^\s:][^:\n]{0,300}):(?P<line>\d{1,7}):(?:\d{1,5}:)?(?P<said>.*)"
)
_CONTEXT = regex.compile(r"(?P<path>[^\s:][^:\n]{0,300}?)-(?P<line>\d{1,7})-(?P<said>.*)|--$")
_DEFINITION = regex.compile(
    r"\s*(?:export |public |static |async |pub )*(?:def|class|func|fn|function|interface|struct|type|const|let|var)\b|\s*\w+ ?(?::=|=) ?"
)
_COMMENT = regex.compile(r"\s*(?:#|//|/?\*|--|<!--)")
_HEADER = regex.compile(r"[A-Z%#][A-Z0-9_%()#/.+-]*(?:[ \t]+[A-Z%#(][A-Za-z0-9_%()#/.+-]*)+$")
_GAP = regex.compile(r"\s{2,}|\t")
_PATH = regex.compile(r"(?=\S*[./])[\w.@+~\-][\w.@+~\-/\\:]*")
_LISTED = regex.compile(r"[-dlbcps][-rwxsStT]{9}[.+@]?\s.*|total \d+")
_FOLDER = regex.compile(r"[\w.@+~\-/]{1,300}:")
_LEAST_ROWS = 2
_LEAST_LISTED = 10
_ALIKE = 0.8  # of the lines must be matches, or rows
_ALL = 30  # lines; shorter output is kept whole by default
_FIRST_OF_FILE = 5
_FIRST_ROWS = 3
_MARKED = 5  # omitted lines of a file from which they get their own mark
_EXTREME = 5.0  # times the next number and the median: a greater number is an outlier
_DEFINITION_WORTH = 0.5
_RARE_WORTH = 1.0
_EXTREME_WORTH = 1.5


@dataclass(frozen=True, slots=True)
class LinesForm:
    """Lines of a tool's output. `files`: the path of each line; empty for rows under a header."""

    kind: Kind
    start: int
    end: int
    parts: Sequence[Part]
    files: Sequence[str]
    _text: str
    _what: str = "row"

    def render(self, chosen: Sequence[int]) -> str:
        """The chosen lines verbatim, and how many were omitted."""
        taken = set(chosen)
        if not self.files:
            return "\n".join([*map(self._line, chosen), *self._mark(len(self.parts) - len(taken), self._what)])
        left = Counter(file for number, file in enumerate(self.files) if number not in taken)
        last = {self.files[number]: number for number in chosen}
        lines: list[str] = []
        for number in chosen:
            lines.append(self._line(number))
            file = self.files[number]
            if last[file] == number and left[file] >= _MARKED:
                lines += self._mark(left.pop(file), "line", f" in {file}")
        files = sum(count > 0 for count in left.values())
        where = f" in {files} file{'s' * (files > 1)}"
        return "\n".join([*lines, *self._mark(left.total(), "line", where)])

    def _line(self, number: int) -> str:
        return self._text[self.parts[number].start : self.parts[number].end]

    def _mark(self, count: int, what: str, where: str = "") -> list[str]:
        return [f"... {count} more {what}{'s' * (count > 1)}{where}"] if count else []


def read(text: str, start: int, end: int) -> LinesForm | None:
    """The form of a slice of search matches, of rows under a header in capitals, or of paths."""
    spans = list(filled_lines(text, start, end))
    if len(spans) <= _LEAST_ROWS:
        return None
    lines = [text[first:last] for first, last in spans]
    if _is_listing(lines):
        return LinesForm("lines", spans[0][0], spans[-1][1], list(_listed(spans, lines)), [], text, "line")
    worths = _rows(lines)
    files: list[str] = []
    needs: tuple[int, ...] = (0,)
    if worths is None:
        matches = _matches(lines)
        if matches is None:
            return None
        files, worths = matches
        needs = ()
    shown = _shown(files, worths)
    parts = [
        Part(*span, needs if number else (), worth, estimate_tokens(line) + 1, number in shown)
        for number, (span, line, worth) in enumerate(zip(spans, lines, worths, strict=True))
    ]
    return LinesForm("lines", spans[0][0], spans[-1][1], parts, files, text)


def _is_listing(lines: Sequence[str]) -> bool:
    """Whether the lines look like output of `find` or `ls -l`: paths, or files with permissions."""
    if len(lines) < _LEAST_LISTED:
        return False
    return all(_PATH.fullmatch(line) or _LISTED.fullmatch(line) or _FOLDER.fullmatch(line) for line in lines)


def _listed(spans: Sequence[tuple[int, int]], lines: Sequence[str]) -> Iterator[Part]:
    """The lines, each needing its folder's line; all of a listing is kept by default."""
    folder: tuple[int, ...] = ()
    for number, (span, line) in enumerate(zip(spans, lines, strict=True)):
        is_folder = _FOLDER.fullmatch(line) is not None
        folder = (number,) if is_folder else folder
        yield Part(*span, () if is_folder else folder, 0.0, estimate_tokens(line) + 1)


def _shown(files: Sequence[str], worths: Sequence[float]) -> set[int]:
    """The lines that are kept by default."""
    if len(worths) <= _ALL:
        return set(range(len(worths)))
    shown = {number for number, worth in enumerate(worths) if worth >= _RARE_WORTH}
    if not files:
        return shown.union(range(_FIRST_ROWS + 1))
    seen: Counter[str] = Counter()
    for number, file in enumerate(files):
        seen[file] += 1
        if seen[file] <= _FIRST_OF_FILE:
            shown.add(number)
    return shown


def _matches(lines: Sequence[str]) -> tuple[list[str], list[float]] | None:
    """The path and the worth of each line of search output; None if most lines are not matches."""
    files: list[str] = []
    worths: list[float] = []
    matched = 0
    for line in lines:
        match = _MATCH.match(line)
        line_match = match or _CONTEXT.match(line)
        if line_match is None:
            return None
        matched += match is not None
        code = match["said"] if match else ""
        path = line_match["path"] or (files[-1] if files else "")
        worth = trouble(code)
        if match and path not in files[-1:]:
            worth += _DEFINITION_WORTH
        if match and _DEFINITION.match(code) and not _COMMENT.match(code):
            worth += _DEFINITION_WORTH
        files.append(path)
        worths.append(worth)
    return (files, worths) if matched * 2 >= len(lines) else None


def _rows(lines: Sequence[str]) -> list[float] | None:
    """The worth of a header in capitals and of the rows under it; None if the lines are something else."""
    if not _HEADER.match(lines[0].strip()):
        return None
    header = _GAP.split(lines[0].strip())
    rows = [_GAP.split(line.strip()) for line in lines[1:]]
    if len(header) < 2 or sum(len(row) == len(header) for row in rows) < _ALIKE * len(rows):
        header = lines[0].split()
        rows = [line.split(None, len(header) - 1) for line in lines[1:]]
        if len(header) < 3 or sum(len(row) == len(header) for row in rows) < _ALIKE * len(rows):
            return None
    worths: dict[int, float] = defaultdict(float)
    for place in range(len(header)):
        for number, worth in _outliers([row[place] if place < len(row) else "" for row in rows]):
            worths[number] += worth
    return [_RARE_WORTH, *(worths[number] + trouble(line) for number, line in enumerate(lines[1:]))]


def _outliers(column: Sequence[str]) -> Iterator[tuple[int, float]]:
    """The places and worth of values that are rare or far greater than the others."""
    numbers = [_number(value) for value in column]
    values = [number for number in numbers if number is not None]
    if len(values) * 5 >= len(column) * 4:
        least = _EXTREME * max(1.0, median(values), sorted(values)[-2] if len(values) > 1 else 0.0)
        yield from ((at, _EXTREME_WORTH) for at, number in enumerate(numbers) if number is not None and number >= least)
        return
    counts = Counter(column)
    few = max(1, len(column) // 50)
    if 1 < len(counts) <= len(column) // 2 + 1 and counts.most_common(1)[0][1] * 2 >= len(column):
        yield from ((at, _RARE_WORTH) for at, value in enumerate(column) if counts[value] <= few)


def _number(value: str) -> float | None:
    digits = value.split(" ", 1)[0].rstrip("%BKMGTibms")
    return plain_number(digits)
