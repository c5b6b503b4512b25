"""Subtitles and time-stamped transcripts as dialogue: turns with their speakers, without numbers and times.

WebVTT, SubRip, and transcripts whose turns follow a line with the speaker, the time or both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape

import regex

from app.text.kinds.form import Form, Part
from app.text.kinds.spans import line_spans
from app.text.kinds.view import Section, View, ViewForm, form_of

_TIME = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?"
_CLOCK = regex.compile(r"\d:\d\d")
_TIMING = regex.compile(rf"[ \t]*+{_TIME}[ \t]++-->[ \t]++{_TIME}[^\n]*+$", regex.MULTILINE)
_STAMP = regex.compile(
    rf"[ \t]*+(?:(?P<who>[\p{{Lu}}\p{{Lo}}][\p{{L}}\p{{M}}\d .'’_\-()]{{0,40}}?)[:,|\-–]?[ \t]{{1,8}})?[\[(]?{_TIME}[\])]?"
    rf"(?:[ \t]*+[-–][ \t]*+{_TIME})?(?:[ \t]{{1,8}}(?P<after>[\p{{Lu}}\p{{Lo}}][\p{{L}}\p{{M}}\d .'’_\-()]{{0,40}}))?[ \t]*+:?[ \t]*+$"
)
_VOICE = regex.compile(r"[ \t]*+<v(?:\.[\w.\-]*+)?[ \t]++(?P<who>[^<>\n]{1,80})>")
_NAMED = regex.compile(
    r"[ \t]*+(?:>>[ \t]*+)?(?P<who>\p{Lu}[\p{L}\p{M}\d.'’\-]*+(?: [\p{Lu}\d][\p{L}\p{M}\d.'’\-]*+){0,3}):[ \t]++(?=\S)"
)
_DASH = regex.compile(r"[ \t]*+[-–—][ \t]*+(?=\S)")
_TAG = regex.compile(r"</?(?:[cbiuv]|ruby|rt|lang|font)\b[^<>\n]*+>|<\d{1,2}:[\d:.]++>|\{\\[^{}\n]*+\}|</[cv]>")
_PIECE = regex.compile(rf"(?P<tag>{_TAG.pattern})|(?P<entity>&[a-zA-Z#0-9]{{2,10}};)|[^<&{{]++|.")
_BLOCK = regex.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)\b")
_SOUND = regex.compile(r"[-–♪♫ ]*(?:\[[^\[\]]*\]|\([^()]*\)|[♪♫])[ ♪♫]*")
_LONGEST_OPEN = 300  # characters without the end of a sentence; after so many the end of a line ends it
_FEWEST_CUES = 2
_LEAST_STAMPED = 0.25  # share of stamps among the lines of a transcript


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of dialogue, after its mark.

    `who`: the speaker named by its mark or the stamp above it; None if it is the previous speaker.
    """

    start: int
    end: int
    who: str | None
    mark: str = ""
    is_turn: bool = False


def read(text: str, start: int, end: int) -> Form | None:
    """The form of a slice of subtitles or of a transcript; None if it is neither. Linear time."""
    if _CLOCK.search(text, start, end) is None:
        return None
    lines = list(line_spans(text, start, end))
    cue_lines = _cue_lines(text, lines) or _stamped_lines(text, lines)
    if not cue_lines:
        return None
    form = form_of("subtitles", start, end, [Section(_turns(text, cue_lines))])
    return None if form is None else replace(form, parts=tuple(_with_questions(form)))


def _with_questions(form: ViewForm) -> Iterator[Part]:
    """The parts; a turn that begins with a dash needs the question directly before it."""
    for at, part in enumerate(form.parts):
        is_answer = at > 0 and form.part_text(at).startswith("- ") and form.part_text(at - 1).endswith(("?", "？"))
        yield replace(part, needs=tuple(sorted({*part.needs, at - 1}))) if is_answer else part


def _cue_lines(text: str, lines: Sequence[tuple[int, int]]) -> list[_Line]:
    """The text lines of WebVTT or SubRip cues; empty if the lines are neither."""
    timings = {at for at, (start, end) in enumerate(lines) if _TIMING.fullmatch(text, start, end)}
    first = next((at for at, (start, end) in enumerate(lines) if text[start:end].strip("\ufeff \t")), None)
    if (
        first is None
        or len(timings) < _FEWEST_CUES
        or (not _BLOCK.match(text, *lines[first]) and min(timings) > first + 1)
    ):
        return []
    cue_lines: list[_Line] = []
    is_cue = False
    for at, (start, end) in enumerate(lines):
        if at in timings or not text[start:end].strip():
            is_cue = at in timings
        elif is_cue:
            cue_lines.append(_line(text, start, end))
    return cue_lines


def _line(text: str, start: int, end: int) -> _Line:
    for pattern in (_VOICE, _NAMED, _DASH):
        match = pattern.match(text, start, end)
        if match:
            who = match.groupdict().get("who") or ""
            return _Line(match.end(), end, who or None, match[0].strip() if pattern is not _DASH else "", True)
    return _Line(start, end, None)


def _stamped_lines(text: str, lines: Sequence[tuple[int, int]]) -> list[_Line]:
    """The lines below stamps, which consist of a time, or of a speaker and a time."""
    filled = [(start, end) for start, end in lines if text[start:end].strip()]
    stamps = {at: match for at, (start, end) in enumerate(filled) if (match := _STAMP.fullmatch(text, start, end))}
    if (
        len(stamps) < _FEWEST_CUES
        or len(stamps) < _LEAST_STAMPED * len(filled)
        or 0 not in stamps
        or len(stamps) * 2 > len(filled) + 1
    ):
        return []
    cue_lines: list[_Line] = []
    who: str | None = None
    for at, (start, end) in enumerate(filled):
        if at in stamps:
            who = (stamps[at]["who"] or stamps[at]["after"] or "").strip() or None
            continue
        cue_lines.append(_Line(start, end, who, f"{who}:", True) if who else _line(text, start, end))
        who = None
    return cue_lines


def _turns(text: str, lines: Sequence[_Line]) -> View:
    """The lines as turns, one per line: lines of the same speaker are joined, as are sentences over several lines."""
    view = View()
    speaker: str | None = None
    before = ""
    length = 0  # characters since the last end of a sentence
    for line in lines:
        pieces = list(_said(text, line))
        if not pieces:
            continue
        words = "".join(piece for piece, _, _ in pieces).strip()
        if (words == before and not line.is_turn) or _SOUND.fullmatch(words):
            continue  # rolling captions repeat a line
        before = words
        is_new = line.is_turn and (line.who != speaker or line.who is None)
        is_long = length > _LONGEST_OPEN
        view.put("" if not view.length else "\n" if is_new or is_long else " ")
        if is_new:
            view.put(f"{line.mark or '-'} ")
        speaker = line.who if line.is_turn else speaker
        for piece, start, end in pieces:
            view.add(piece, start, end)
        length = 0 if is_long or words.endswith((".", "!", "?", "。")) else length + len(words)
    return view


def _said(text: str, line: _Line) -> Iterator[tuple[str, int, int]]:
    """The pieces of a line between its tags, with their places."""
    for piece in _PIECE.finditer(text, line.start, line.end):
        if not piece["tag"]:
            yield unescape(piece[0]) if piece["entity"] else piece[0], piece.start(), piece.end()
