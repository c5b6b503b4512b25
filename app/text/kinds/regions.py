"""Structured regions in a text: fenced blocks, JSON values between lines of prose, paragraphs, runs of lines."""

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.text.kinds import fence as fenced_lines
from app.text.kinds.form import Form, Kind, Part
from app.text.kinds.spans import line_end

Reader = Callable[[str, int, int], Form | None]
"""Returns the form of a slice of a text, None if it is not of that kind."""

_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<name>[\w+#.\-]*)[^\n`]*$", re.MULTILINE)
_DIFF_START = re.compile(r"diff --git |Index: |--- [^\n]*\n\+\+\+ |@@ -\d")
_DIFF_LINE = re.compile(
    r"[ +\-@\\]|diff |index |(?:new|deleted|old) |similarity |rename |copy |Binary |GIT binary|Index: |={10}"
)
_LOOKS: Mapping[str, re.Pattern[str]] = {
    "json": re.compile(r"[{\[]"),
    "pipe": re.compile(r"\s*\||[^|\n]+\|[^|\n]+\|"),
    "tab": re.compile(r"[^\t\n]*\t[^\t\n]*\S"),
    "stamp": re.compile(
        r"\s*[\[<(]?(?:\d{4}[-/]\d\d[-/]\d\d[ T]|\d\d:\d\d:\d\d|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d"
        r"|\d{1,3}(?:\.\d{1,3}){3} - )"
    ),
    "comma": re.compile(r"(?:[^,\n]*,(?! )){2}"),
    "semicolon": re.compile(r"(?:[^;\n]*;(?! )){2}"),
    "tag": re.compile(r"\s*</?[A-Za-z!?]"),
}
"""Beginnings of lines of one kind. Each pattern matches within a line."""

_PLAIN_LINE = re.compile(r"(?=[\w\"'“‘„«(¿¡])(?:[^\s:=<>{}\[\]|\\@#`~*^]{1,39}+(?:[^\S\n\t]++|$))++")
"""A line that is of no kind: it has none of the signs that each kind needs, and no run as long as those of base64."""

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


@dataclass(frozen=True)
class Fenced:
    """A form between two Markdown fences, which are rendered around it."""

    start: int
    end: int
    opening: str
    closing: str
    inner: Form

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    @property
    def parts(self) -> Sequence[Part]:
        return self.inner.parts

    def render(self, chosen: Sequence[int]) -> str:
        return f"{self.opening}\n{self.inner.render(chosen)}\n{self.closing}"


def first_form(readers: Sequence[Reader], text: str, start: int, end: int) -> Form | None:
    """The form by the first reader that returns one."""
    forms = (reader(text, start, end) for reader in readers)
    return next((form for form in forms if form is not None), None)


def find_regions(text: str, readers: Sequence[Reader], by_name: Mapping[str, Sequence[Reader]]) -> Iterator[Form]:
    """The forms in a text that is not of one kind, in order. Linear time.

    `readers`: tried on each paragraph and each run of similar lines, not on the whole text. `by_name`: readers by the
    info string of a fence.
    """
    values = _JsonValues(text)
    closings = _Closings(text)
    whole = len(text) - len(text.lstrip()), len(text.rstrip())
    at = 0
    while at < len(text):
        end = line_end(text, at)
        if not text[at:end].strip():
            at = end + 1
            continue
        is_alone = end + 1 >= len(text) or text[end + 1] == "\n"
        if is_alone and _PLAIN_LINE.fullmatch(text, at, end):
            at = end + 1
            continue
        fence = _FENCE.match(text, at)
        if fence:
            form, at = _fenced(text, fence, closings, readers, by_name)
            if form is not None:
                yield form
            continue
        stop = _paragraph_end(text, at)
        is_all = at <= whole[0] and stop >= whole[1]
        form = None if is_all else first_form(readers, text, at, stop)
        if form is not None:
            yield form
            at = stop + 1
        else:
            at = yield from _runs(text, at, stop, readers, values)


def _runs(
    text: str, start: int, stop: int, readers: Sequence[Reader], values: "_JsonValues"
) -> Generator[Form, None, int]:
    """The forms in a paragraph that is not of one kind, and the place where the text continues."""
    at = start
    while at < stop:
        look = _look(text, at)
        value_end = values.end(at) if look == "json" else None
        if value_end is not None:
            end = value_end
        else:
            end = line_end(text, at)
            while end < stop and _look(text, end + 1) == look:
                end = line_end(text, end + 1)
        # A single line is a form only if it is a complete value.
        is_run = look is not None and (value_end is not None or line_end(text, at) < end)
        if is_run and (at, end) != (start, stop):
            form = first_form(readers, text, at, end)
            if form is not None:
                yield form
        at = end + 1
    return at


def _look(text: str, at: int) -> str | None:
    """The kind of a line by its beginning; None for prose."""
    return next((look for look, pattern in _LOOKS.items() if pattern.match(text, at)), None)


def _paragraph_end(text: str, at: int) -> int:
    """The end of the line before the next blank line or fence. Diffs may contain blank lines."""
    is_diff = _DIFF_START.match(text, at) is not None
    end = line_end(text, at)
    while end < len(text):
        start, following = end + 1, line_end(text, end + 1)
        if is_diff:
            is_in = bool(_DIFF_LINE.match(text, following + 1 if start == following else start))
        else:
            is_in = bool(text[start:following].strip()) and not _FENCE.match(text, start)
        if not is_in:
            break
        end = following
    return end


def _fenced(
    text: str,
    fence: re.Match[str],
    closings: "_Closings",
    readers: Sequence[Reader],
    by_name: Mapping[str, Sequence[Reader]],
) -> tuple[Form | None, int]:
    """The form of a fenced block (None if its content has none), and the place where the text continues."""
    closing = closings.of(fence)
    if closing is None:
        return fenced_lines.read(text, fence.start(), len(text.rstrip())), len(text)
    name = fence["name"].lower()
    inner = first_form(by_name.get(name, readers), text, fence.end() + 1, max(fence.end() + 1, closing.start() - 1))
    if inner is None:
        return fenced_lines.read(text, fence.start(), closing.end()), closing.end() + 1
    opening = fence.group().rstrip()
    return Fenced(fence.start(), closing.end(), opening, closing.group().rstrip(), inner), closing.end() + 1


class _Closings:
    """Finds the closing fence of each opening one. It must be called in order and reads each fence once."""

    def __init__(self, text: str) -> None:
        has_fences = "```" in text or "~~~" in text
        self._found = [match for match in _FENCE.finditer(text) if not match["name"]] if has_fences else []
        self._at = 0
        self._longest: list[dict[str, int]] = []  # of this fence and those after it, by their sign
        longest = {"`": 0, "~": 0}
        for match in reversed(self._found):
            fence = match["fence"]
            longest = longest | {fence[0]: max(len(fence), longest[fence[0]])}
            self._longest.append(longest)
        self._longest.reverse()

    def of(self, opening: re.Match[str]) -> re.Match[str] | None:
        """The next fence of the same sign that is at least as long and has no info string."""
        while self._at < len(self._found) and self._found[self._at].start() < opening.end():
            self._at += 1
        fence = opening["fence"]
        if self._at == len(self._found) or self._longest[self._at][fence[0]] < len(fence):
            return None
        while not self._found[self._at]["fence"].startswith(fence):
            self._at += 1
        return self._found[self._at]


class _JsonValues:
    """Finds the ends of JSON values. Each character of the text is read at most twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._failed = 0  # how far the last failed attempt read

    def end(self, at: int) -> int | None:
        """The end of the object or array that begins at `at`; None if no value ends at the end of a line."""
        if at < self._failed:
            return None
        try:
            _, end = _DECODER.raw_decode(self._text, at)
        except json.JSONDecodeError as fault:
            self._failed = fault.pos
            return None
        except RecursionError:
            self._failed = len(self._text)
            return None
        if self._text[end : line_end(self._text, end)].strip():
            self._failed = end
            return None
        return end
