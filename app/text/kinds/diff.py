"""Unified diffs: whole hunks under their file's header. Extra context may be cut; the result still applies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import regex

from app.text.kinds.form import Kind, Part
from app.text.kinds.spans import line_starts
from app.text.tokens import estimate_tokens

_CONTEXT = 3  # lines around a change, diff's default; further context is a separate part
_SIGNS = (" ", "+", "-", "\\")
_MOST_NAMES = 5  # in a mark
_LARGE_BINARY = 60  # tokens
_HUNK = regex.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_BLANK_CONTEXT = regex.compile(r"(?:\n (?=\n|\Z))+")
_FILE = ("diff --git ", "diff -", "Index: ")
_PREAMBLE = regex.compile(r"commit [0-9a-f]{7,64}\b|From [0-9a-f]{40} |-- $|\d+\.\d+\.\d")
_EXTENDED = regex.compile(
    r"(?:index|old mode|new mode|deleted file|new file|similarity|dissimilarity|rename|copy|literal|delta|Only in)\b|=+$"
    r"|Binary files |--- |\+\+\+ |GIT binary patch|[A-Za-z][!-~]{5,}$|$"
)
_GENERATED = regex.compile(
    r"(?:^|/)(?:[\w.-]*\.lock|(?:package-lock|npm-shrinkwrap)\.json|pnpm-lock\.yaml|go\.sum|[\w.-]*\.min\.(?:js|css)"
    r"|[\w.-]*\.(?:map|snap|svg)|(?:vendor|node_modules|dist)/.*)$"
)
_GENERATED_WORTH = 0.1  # of a hunk in a generated file; 1 in other files


@dataclass(frozen=True, slots=True)
class _Piece:
    """Lines of a hunk, `first` to `last`: a change with the usual context, or context beyond that. `number`: its part."""

    first: int
    last: int
    number: int


@dataclass(frozen=True, slots=True)
class _Hunk:
    """A hunk, from line `first`, its header, to `last`. `old`, `new`: its first line in each version.

    `is_true`: the line counts in its header are right.
    """

    first: int
    last: int
    old: int
    new: int
    is_true: bool
    pieces: tuple[_Piece, ...] = ()


@dataclass(slots=True)
class _File:
    """Lines `first` to `last` before the hunks: the header of a file, or a commit's message if it has no `name`."""

    first: int
    last: int
    name: str = ""
    hunks: list[_Hunk] = field(default_factory=list)
    number: int = -1


@dataclass(frozen=True, slots=True)
class DiffForm:
    """A diff of one or more files."""

    kind: Kind
    start: int
    end: int
    parts: Sequence[Part]
    _lines: Sequence[str]
    _files: Sequence[_File]

    def render(self, chosen: Sequence[int]) -> str:
        """The chosen hunks: verbatim if complete, else with a header that fits the remaining lines.

        Omissions are named after the hunks of a file, or in place of the file, where tools that apply diffs ignore them.
        """
        taken = set(chosen)
        lines: list[str] = []
        unseen: list[str] = []
        for file in self._files:
            if file.number not in taken:
                unseen += [file.name] if file.name else []
                continue
            lines += _mark(unseen)
            unseen = []
            lines += self._lines[file.first : file.last]
            left = 0
            for hunk in file.hunks:
                rendered = list(self._hunk(hunk, taken))
                left += not rendered
                lines += rendered
            if left:
                lines.append(f"... {left} of {len(file.hunks)} hunks of {file.name} left out")
        return "\n".join([*lines, *_mark(unseen)])

    def _hunk(self, hunk: _Hunk, taken: set[int]) -> Iterator[str]:
        if all(piece.number in taken for piece in hunk.pieces):
            yield from self._lines[hunk.first : hunk.last]
            return
        old, new = hunk.old, hunk.new
        section = self._lines[hunk.first].split("@@", 2)[2]
        at = 0
        while at < len(hunk.pieces):
            last = at
            while last < len(hunk.pieces) and hunk.pieces[last].number in taken:
                last += 1
            stop = max(last, at + 1)
            body = self._lines[hunk.pieces[at].first : hunk.pieces[stop - 1].last]
            olds = sum(not line.startswith(("+", "\\")) for line in body)
            news = sum(not line.startswith(("-", "\\")) for line in body)
            if last > at:
                yield f"@@ -{old},{olds} +{new},{news} @@{section}"
                yield from body
            old, new, at = old + olds, new + news, stop


def read(text: str, start: int, end: int) -> DiffForm | None:
    """The form of a slice that is a unified diff, by git or another tool, possibly with commit messages in between.

    Blank context lines after the slice belong to its last hunk, although they were trimmed as white space.
    """
    blank = _BLANK_CONTEXT.match(text, end)
    return (_read(text, start, blank.end()) if blank else None) or _read(text, start, end)


def _read(text: str, start: int, end: int) -> DiffForm | None:
    lines = text[start:end].split("\n")
    while lines and not lines[-1]:
        lines.pop()
    skipped = 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    files = _files(lines, skipped)
    if not any(file.hunks or (lines[file.first].startswith(_FILE) and file.last > file.first + 1) for file in files):
        return None
    offsets = line_starts(lines, start)
    parts = list(_parts(files, lines, offsets))
    return DiffForm("diff", parts[0].start, parts[-1].end, parts, lines, files)


def _files(lines: Sequence[str], at: int) -> list[_File]:
    """The files of a diff, from line `at` on; none if any line does not belong to a diff or a hunk is incomplete."""
    files: list[_File] = []
    while at < len(lines):
        line = lines[at]
        file = files[-1] if files else None
        if match := _HUNK.match(line):
            last, is_true = _hunk_end(lines, at, match)
            if last == at + 1 or (file is not None and not file.name):
                return []
            if file is None:
                files.append(file := _File(at, at, name="?"))
            file.hunks.append(_Hunk(at, last, int(match[1]), int(match[3]), is_true))
            at = last
            continue
        if line.startswith(_FILE) or (line.startswith("--- ") and not _is_in_header(file, lines)):
            files.append(_File(at, at + 1, name=line.split(" b/")[-1].split()[-1]))
        elif _PREAMBLE.match(line) and (file is None or file.name):
            files.append(_File(at, at + 1))
        elif file is None or (file.name and not _EXTENDED.match(line)) or (file.hunks and line.strip()):
            return []
        elif not file.hunks:
            file.last = at + 1
            if line.startswith("+++ ") and not line.startswith("+++ /dev/null"):
                file.name = line[4:].split("\t")[0].removeprefix("b/")
        at += 1
    return files


def _is_in_header(file: _File | None, lines: Sequence[str]) -> bool:
    """Whether a line `--- name` continues the header of `file`, which has no such line yet."""
    return (
        file is not None
        and bool(file.name)
        and not file.hunks
        and not any(line.startswith("--- ") for line in lines[file.first : min(file.last, file.first + 20)])
    )


def _hunk_end(lines: Sequence[str], at: int, header: regex.Match[str]) -> tuple[int, bool]:
    """The line after the hunk whose header is line `at`, and whether the line counts in the header are right."""
    old, new = (int(header[group]) if header[group] is not None else 1 for group in (2, 4))
    stop = at + 1
    while (old > 0 or new > 0) and stop < len(lines) and lines[stop][:1] in ("", *_SIGNS):
        old -= lines[stop][:1] in ("", " ", "-")
        new -= lines[stop][:1] in ("", " ", "+")
        stop += 1
    is_true = old == new == 0
    if not is_true:  # written by hand: up to the first line that cannot be in a hunk
        stop = at + 1
        while stop < len(lines) and lines[stop][:1] in _SIGNS and not _is_file_header(lines, stop):
            stop += 1
    return (stop + 1 if stop < len(lines) and lines[stop].startswith("\\") else stop), is_true


def _is_file_header(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def _parts(files: Sequence[_File], lines: Sequence[str], offsets: Sequence[int]) -> Iterator[Part]:
    """The parts of a diff; also sets the part numbers of files and hunks."""
    number = 0
    for file in files:
        file.number = number
        worth = _GENERATED_WORTH if _GENERATED.search(file.name) else 1.0
        hunks: list[Part] = []
        for at, hunk in enumerate(file.hunks):
            segments = _segments(lines, hunk)
            base = number + 1 + len(hunks)
            pieces = tuple(_Piece(first, stop, base + place) for place, (first, stop, _) in enumerate(segments))
            file.hunks[at] = replace(hunk, pieces=pieces)
            for place, (first, stop, is_change) in enumerate(segments):
                start = offsets[hunk.first if place == 0 else first]
                end = max(start, offsets[stop] - 1)
                beside = base + (place - 1 if place else 1)
                needs: tuple[int, ...] = (number,) if is_change else (number, beside)
                cost = estimate_tokens("\n".join(lines[first - (place == 0) : stop])) + 1
                hunks.append(Part(start, end, needs, worth if is_change else 0.0, cost, is_default=is_change))
        changes = [(part.cost or 0, number + 1 + at) for at, part in enumerate(hunks) if part.is_default]
        # A header alone is of little use and does not apply, so it needs the shortest change.
        shortest = (min(changes)[1],) if changes else ()
        start, end = offsets[file.first], max(offsets[file.first], offsets[file.last] - 1)
        cost = estimate_tokens("\n".join(lines[file.first : file.last])) + 1
        is_binary = any(line.startswith("GIT binary patch") for line in lines[file.first : file.last])
        is_default = not (is_binary and cost > _LARGE_BINARY)
        yield Part(start, end, shortest, 0.3 if is_default else 0.0, cost, is_default)
        yield from hunks
        number += 1 + len(hunks)


def _segments(lines: Sequence[str], hunk: _Hunk) -> list[tuple[int, int, bool]]:
    """The line ranges of a hunk, and whether each is a change with its context or further context."""
    first, last = hunk.first + 1, hunk.last
    changed = [at for at in range(first, last) if lines[at][:1] in ("+", "-", "\\")]
    if not changed or not hunk.is_true:
        return [(first, last, True)]
    segments: list[tuple[int, int, bool]] = []
    begin, end = max(first, changed[0] - _CONTEXT), changed[0] + 1
    before = first
    for at in [*changed[1:], None]:
        if at is not None and at - end <= 2 * _CONTEXT:
            end = at + 1
            continue
        end = min(last, end + _CONTEXT)
        segments += [(before, begin, False)] if begin > before else []
        segments.append((begin, end, True))
        before = end
        if at is not None:
            begin, end = at - _CONTEXT, at + 1
    return [*segments, (before, last, False)] if before < last else segments


def _mark(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    count = f"{len(names)} file{'s' * (len(names) > 1)}"
    return [f"... {count} left out: {', '.join(names[:_MOST_NAMES])}{more}"]
