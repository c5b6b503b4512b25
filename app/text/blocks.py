"""Splits a text into blocks: neighbouring lines of the same kind, recognised by their form."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import regex

from app.text.kinds.form import Form
from app.text.kinds.form import Kind as FormKind
from app.text.span import Span

Kind = Literal["prose", "heading", "list", "quoted", "chat"] | FormKind
PROSE: frozenset[Kind] = frozenset({"prose", "list", "quoted", "chat"})
"""Kinds whose lines consist of sentences."""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring lines of one kind, or a slice that has a `form`.

    `is_wrapped`: its sentences go on over the ends of lines.
    """

    kind: Kind
    lines: tuple[Span, ...]
    is_wrapped: bool = False
    form: Form | None = None


SPEAKER = regex.compile(
    r"(?:[\[(]?\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?[\])]?[ -]*)?(?:\*\*)?(?P<who>[\p{Lu}\p{Lo}@<][\p{L}\p{M}\d .'_\-()]{0,30})[>:：](?:\*\*)?:?\s"
)
LIST_MARK = regex.compile(r"\s*(?:[-*+•–·]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)]|\[[ xX]\])\s+(?:\[[ xX]\]\s+)?|\d{1,3}、")
_HEADING_MARK = regex.compile(r"\s{0,3}#{1,6}\s")
_UNDERLINE = regex.compile(r"\s*(?:={3,}|-{3,})\s*$")
_LOG = regex.compile(
    r"\s*[\[<(]?(?:\d{4}[-/]\d\d[-/]\d\d[ T]|\d\d:\d\d:\d\d|\p{L}{3} {1,2}\d{1,2} \d\d:\d\d|\d{1,3}(?:\.\d{1,3}){3} - "
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b|\{.{0,4000}\}\s*$|[IWEF]\d{4} )"
)
_YAML = regex.compile(r"\s*(?:- )?(?:[\w.\-/\"']{1,60}:(?:\s|$)|- |#|---)")
_YAML_KEY = regex.compile(r"\s*(?:- )?[\w.\-/\"']{1,60}:(?:\s|$)")
_CODE = regex.compile(
    r"\s*(?:def|class|import|from|return|if|elif|else|for|while|try|except|with|func|fn|const|let|var|public"
    r"|private|static|type|interface|struct|package|use|export|async|await|#include|SELECT|INSERT|CREATE)\b.*[:({;=]?.*"
    r"|\s*[\w.\[\]]{1,80}(?:: ?[\w\[\], |]{1,60})? [+\-*/]?= .*|\s*[\w.]{1,80}\(.*\)?,?\s*$|\s*(?://|/\*|\*/|#|@\w|\"\"\").*|\s*[)\]}]+[,;]?\s*$"
)
_CODE_END = re.compile(r"[{};]\s*+(?://|$)")
_CODE_MARK = regex.compile(r"[;{}]\s*$|\b(?:def|func|fn|class|const|import|return|var|let)\b|[\w)] ?=[^=]|\w\(|=>")
_ENDS_SENTENCE = regex.compile(r"[.!?…。！？।؟۔:;,][\"'”’»)\]]{0,3}\s*$")
_SENTENCE_WITHIN = regex.compile(r"\p{Ll}{3}[.!?…]\s+\p{Lu}|[。！？।]\s*\S")
_MOST = 0.6  # of a block's lines must look alike
_WIDEST_WRAPPED = 130  # characters of a line in hard-wrapped prose
_LONGEST_HEADING = 90  # characters


def blocks(text: str) -> list[Block]:
    """The blocks of `text` in order: all its lines except blank ones. Linear time."""
    lines = _lines(text)
    if _is_json(text):
        return [Block("json", tuple(lines))] if lines else []
    if _is_chat([text[line.start : line.end] for line in lines]):
        return [Block("chat", tuple(lines))]
    separate: list[Block] = []
    is_diff = False
    for group in _groups(text, lines):
        is_diff = is_diff or text.startswith(("diff --git ", "--- a/", "@@ -"), group[0].start)
        separate += _read(text, group, is_diff)
    return _merged(separate)


def blocks_around(text: str, forms: Sequence[Form]) -> list[Block]:
    """The blocks of `text` in order: its `forms`, and the blocks of the text between them."""
    around: list[Block] = []
    reach = 0
    for form in forms:
        around += _moved(blocks(text[reach : form.start]), reach)
        around.append(Block(form.kind, (Span(form.start, form.end),), form=form))
        reach = form.end
    return around + _moved(blocks(text[reach:]), reach) if forms else blocks(text)


def _moved(unmoved: Sequence[Block], offset: int) -> list[Block]:
    return [
        replace(block, lines=tuple(Span(line.start + offset, line.end + offset) for line in block.lines))
        for block in unmoved
    ]


def _merged(separate: Sequence[Block]) -> list[Block]:
    """The blocks, with structured ones joined if only a blank line separates them."""
    merged: list[Block] = []
    for block in separate:
        if block.kind not in PROSE | {"heading"} and merged and merged[-1].kind == block.kind:
            merged[-1] = Block(block.kind, (*merged[-1].lines, *block.lines))
        else:
            merged.append(block)
    return merged


def _lines(text: str) -> list[Span]:
    spans, start = [], 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if stripped:
            spans.append(Span(start, start + len(line.rstrip())))
        start += len(line)
    return spans


def _groups(text: str, lines: Sequence[Span]) -> list[list[Span]]:
    """Groups of lines, separated by blank lines and code fences."""
    groups: list[list[Span]] = []
    in_fence = starts_anew = False
    for line in lines:
        is_fence = text.startswith(("```", "~~~"), line.start)
        is_apart = bool(groups) and text.count("\n", groups[-1][-1].end, line.start) > 1
        if not groups or starts_anew or (not in_fence and (is_fence or is_apart)):
            groups.append([])
        groups[-1].append(line)
        starts_anew = is_fence and in_fence
        in_fence ^= is_fence
    return groups


def _is_json(text: str) -> bool:
    stripped = text.strip()
    if stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return False
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return True


def _read(text: str, lines: list[Span], is_diff: bool) -> list[Block]:
    """The blocks of a group of lines: one, or a heading, an introduction or a list separate from what follows."""
    rows = [text[line.start : line.end] for line in lines]
    kind = "diff" if is_diff else _structured_kind(rows)
    if kind is not None:
        return [Block(kind, tuple(lines))]
    if len(rows) > 1 and _UNDERLINE.match(rows[1]):
        return [Block("heading", tuple(lines[:2])), *(_read(text, lines[2:], False) if lines[2:] else [])]
    parts: list[Block] = []
    at = 0
    while at < len(lines):
        stop = _run_end(rows, at)
        parts.append(_prose_block(rows[at:stop], lines[at:stop], is_alone=len(lines) == 1))
        at = stop
    return parts


def _run_end(rows: Sequence[str], start: int) -> int:
    """The end of the lines from `start` on that belong to one block of prose, list, quotation or heading."""
    if _HEADING_MARK.match(rows[start]):
        return start + 1
    look = _look(rows[start])
    stop = start + 1
    while stop < len(rows):
        here = _look(rows[stop])
        is_continuation = look == "list" and here == "prose" and rows[stop][:1] in " \t"
        if (here != look and not is_continuation) or _HEADING_MARK.match(rows[stop]):
            break
        stop += 1
    return stop


def _look(row: str) -> Kind:
    if row.lstrip().startswith(">"):
        return "quoted"
    return "list" if LIST_MARK.match(row) else "prose"


def _prose_block(rows: Sequence[str], lines: Sequence[Span], *, is_alone: bool) -> Block:
    look = _look(rows[0])
    if _HEADING_MARK.match(rows[0]) or (is_alone and look == "prose" and _is_heading(rows[0])):
        return Block("heading", tuple(lines))
    return Block(look, tuple(lines), _is_wrapped(rows, look))


def _is_heading(row: str) -> bool:
    """Whether a line between blank ones is a heading: short, with letters, without the end of a sentence."""
    if len(row) > _LONGEST_HEADING or not any(map(str.isalpha, row)):
        return False
    return _ENDS_SENTENCE.search(row) is None and _SENTENCE_WITHIN.search(row) is None


def _structured_kind(rows: list[str]) -> Kind | None:
    if rows[0].startswith(("```", "~~~")):
        return "code"
    tests: list[tuple[Kind, Callable[[list[str]], bool]]] = [
        ("table", _is_table),
        ("chat", _is_chat),
        ("log", lambda lines: len(lines) > 1 and _share(_LOG, lines) >= _MOST),
        ("yaml", _is_yaml),
        ("code", _is_code),
    ]
    return next((kind for kind, is_kind in tests if is_kind(rows)), None)


def _share(pattern: regex.Pattern[str], rows: Sequence[str]) -> float:
    return sum(pattern.match(row) is not None for row in rows) / len(rows)


def _is_table(rows: list[str]) -> bool:
    if len(rows) > 1 and all(row.lstrip().startswith("|") for row in rows):
        return True
    if len(rows) < 3 or sum(row.endswith((".", "!", "?")) for row in rows) * 4 > len(rows):
        return False
    for mark in ("\t", ";", ",", "|"):
        counts = [row.count(mark) for row in rows]
        if counts[0] >= 2 and sum(count == counts[0] for count in counts) >= 0.8 * len(rows):
            return mark != "," or ", " not in rows[0]
    return False


def _is_chat(rows: Sequence[str]) -> bool:
    """Whether lines begin with their speaker, and one of them speaks again."""
    if len(rows) < 3 or not SPEAKER.match(rows[0]):
        return False
    speakers = [match["who"] for row in rows if (match := SPEAKER.match(row))]
    return len(speakers) >= _MOST * len(rows) and len(set(speakers)) < len(speakers)


def _is_yaml(rows: list[str]) -> bool:
    keyed = sum(_YAML_KEY.match(row) is not None for row in rows)
    is_keyed = len(rows) > 1 and keyed * 2 >= len(rows) and _share(_YAML, rows) >= 0.8
    return is_keyed and not any("{" in row[-1:] or row.endswith(".") for row in rows)


def _is_code(rows: list[str]) -> bool:
    coded = sum((_CODE.match(row) or _CODE_END.search(row)) is not None for row in rows)
    if coded < _MOST * len(rows):
        return False
    return sum(_CODE_MARK.search(row) is not None for row in rows) * 3 >= len(rows)


def _is_wrapped(rows: Sequence[str], look: Kind) -> bool:
    """Whether lines end at a common width, most of them within a sentence."""
    if len(rows) < 2 or max(len(row) for row in rows) > _WIDEST_WRAPPED:
        return False
    inner = [row for row, after in pairwise(rows) if look != "list" or not LIST_MARK.match(after)]
    long = sum(len(row) >= 45 for row in inner)
    open_ended = sum(row.rstrip()[-1:] not in ".!?:;。！？" for row in inner)
    return bool(inner) and long * 5 >= len(inner) * 4 and open_ended * 2 >= len(inner)
