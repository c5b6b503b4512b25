"""What a text is made of: prose, or lines that stand for themselves (tables, logs, code, JSON, YAML, diffs, lists ...).

Found by looking at the lines of each block (lines between blank ones), since one document often has several kinds.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from app.capsule.chunking import Span

Kind = Literal["prose", "wrapped", "table", "log", "code", "json", "yaml", "diff", "chat", "list", "quoted"]


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring lines of one kind. `wrapped`: prose whose lines break where the width ends."""

    kind: Kind
    lines: tuple[Span, ...]

    @property
    def start(self) -> int:
        return self.lines[0].start

    @property
    def end(self) -> int:
        return self.lines[-1].end


@dataclass(frozen=True, slots=True)
class Line:
    """A line as a unit. `needs`: the line, by its place in the same list, without which it means little."""

    span: Span
    needs: int | None
    weight: float


_LOG = regex.compile(
    r"\s*[\[<(]?(?:\d{4}[-/]\d\d[-/]\d\d[ T]|\d\d:\d\d:\d\d|\p{L}{3} {1,2}\d{1,2} \d\d:\d\d|\d{1,3}(?:\.\d{1,3}){3} - "
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b|\{.{0,4000}\}\s*$|[IWEF]\d{4} )"
)
_CHAT = regex.compile(
    r"(?:[\[(]?\d{1,2}:\d\d(?::\d\d)?[\])]?[ -]*)?(?:\*\*)?(?P<who>[\p{Lu}@<][\p{L}\d .'_\-()]{0,30})[>:](?:\*\*)?:?\s"
)
_LIST = regex.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)]|\[[ xX]\]|#{1,6})\s")
_YAML = regex.compile(r"\s*(?:- )?(?:[\w.\-/\"']{1,60}:(?:\s|$)|- |#|---)")
_CODE = regex.compile(
    r"\s*(?:def|class|import|from|return|if|elif|else|for|while|try|except|with|func|fn|const|let|var|public"
    r"|private|static|type|interface|struct|package|use|export|async|await|#include|SELECT|INSERT|CREATE)\b.*[:({;=]?.*"
    r"|\s*[\w.\[\]]{1,80}(?:: ?[\w\[\], |]{1,60})? [+\-*/]?= .*|\s*[\w.]{1,80}\(.*\)?,?\s*$|\s*(?://|/\*|\*/|#|@\w|\"\"\").*|\s*[)\]}]+[,;]?\s*$"
)
_CODE_END = regex.compile(r"[{};]\s*+(?://|$)")
_CODE_MARK = regex.compile(r"[;{}]\s*$|\b(?:def|func|fn|class|const|import|return|var|let)\b|[\w)] ?=[^=]|\w\(|=>")
_DIFF = regex.compile(
    r"diff --git |@@ -\d|--- \S|\+\+\+ \S|index [0-9a-f]{7}|[+\- ]|new file|deleted file|similarity|rename"
)
_LEVELS: list[tuple[regex.Pattern[str], float]] = [
    (regex.compile(r"(?i)\b(?:fatal|critical|panic|emerg\w*|error|exception|failed|failure)\b|\" 5\d\d "), 2.0),
    (regex.compile(r"(?i)\b(?:warn|warning|denied|refused|timeout|timed out|retry\w*)\b|\" 4\d\d "), 1.5),
    (regex.compile(r"\b(?:DEBUG|TRACE)\b"), 0.4),
]
_MOST = 0.6  # of a block's lines must look alike


def blocks(text: str) -> list[Block]:
    """The blocks of `text` in order, all of its lines but the blank ones. Linear time."""
    lines = _lines(text)
    if _is_json(text):
        return [Block("json", tuple(lines))] if lines else []
    found: list[tuple[Kind, list[Span]]] = []
    is_diff = False
    for group in _groups(text, lines):
        is_diff = is_diff or text.startswith(("diff --git ", "--- a/", "@@ -"), group[0].start)
        kind: Kind = "diff" if is_diff else _kind(text, group)
        if kind in ("code", "yaml", "table", "log", "chat") and found and found[-1][0] == kind:
            found[-1][1].extend(group)
        else:
            found.append((kind, group))
    return [Block(kind, tuple(group)) for kind, group in found]


def _lines(text: str) -> list[Span]:
    spans, start = [], 0
    for line in text.splitlines(keepends=True):
        end = start + len(line.rstrip("\r\n\u2028\u2029\v\f\x85\x1c\x1d\x1e"))
        if line.strip():
            spans.append(Span(start, end))
        start += len(line)
    return spans


def _groups(text: str, lines: Sequence[Span]) -> list[list[Span]]:
    """Lines that no blank line, and no fence of code, parts."""
    groups: list[list[Span]] = []
    in_fence = starts_anew = False
    for line in lines:
        is_fence = text.startswith(("```", "~~~"), line.start)
        if not groups or starts_anew or (not in_fence and (is_fence or _is_apart(text, groups[-1][-1], line))):
            groups.append([])
        groups[-1].append(line)
        starts_anew = is_fence and in_fence
        in_fence ^= is_fence
    return groups


def _is_apart(text: str, one: Span, two: Span) -> bool:
    """Whether a blank line stands between two lines."""
    return len(text[one.end : two.start].splitlines()) > 1


def _is_json(text: str) -> bool:
    stripped = text.strip()
    if stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return False
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return True


def _kind(text: str, lines: Sequence[Span]) -> Kind:
    said = [text[line.start : line.end] for line in lines]
    if said[0].startswith(("```", "~~~")):
        return "code"
    tests: list[tuple[Kind, Callable[[list[str]], bool]]] = [
        ("table", _is_table),
        ("quoted", lambda rows: all(row.startswith(">") for row in rows)),
        ("chat", _is_chat),
        ("log", lambda rows: len(rows) > 1 and _share(_LOG, rows) >= _MOST),
        ("list", lambda rows: _share(_LIST, rows) >= _MOST and not _is_yaml(rows)),
        ("yaml", _is_yaml),
        ("code", _is_code),
        ("wrapped", _is_wrapped),
    ]
    return next((kind for kind, is_kind in tests if is_kind(said)), "prose")


def _share(pattern: regex.Pattern[str], rows: list[str]) -> float:
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


def _is_chat(rows: list[str]) -> bool:
    """Lines that begin with who speaks, and somebody speaks again."""
    speakers = [match["who"] for row in rows if (match := _CHAT.match(row))]
    return len(rows) > 2 and len(speakers) >= _MOST * len(rows) and len(set(speakers)) < len(speakers)


def _is_yaml(rows: list[str]) -> bool:
    keyed = sum(regex.match(r"\s*(?:- )?[\w.\-/\"']{1,60}:(?:\s|$)", row) is not None for row in rows)
    return (
        len(rows) > 1
        and keyed * 2 >= len(rows)
        and _share(_YAML, rows) >= 0.8
        and not any("{" in row[-1:] for row in rows)
    )


def _is_code(rows: list[str]) -> bool:
    marked = sum(_CODE_MARK.search(row) is not None for row in rows)
    coded = sum((_CODE_END.search(row) or _CODE.match(row)) is not None for row in rows)
    return coded >= _MOST * len(rows) and marked * 3 >= len(rows)


def _is_wrapped(rows: list[str]) -> bool:
    """Lines of about one width, most of which end within a sentence."""
    if len(rows) < 2 or max(len(row) for row in rows) > 110:
        return False
    inner = rows[:-1]
    long = sum(len(row) >= 45 for row in inner)
    open_ended = sum(row.rstrip()[-1:] not in ".!?:;。！？" for row in inner)
    return long * 5 >= len(inner) * 4 and open_ended * 2 >= len(inner)


def line_units(text: str, block: Block) -> list[Line]:
    """The lines of `block` as units, each with the line that gives it its meaning: header, parent, file."""
    parents: list[int] = []
    found: list[Line] = []
    header: int | None = None
    for index, span in enumerate(block.lines):
        said = text[span.start : span.end]
        needs: int | None = None
        if block.kind == "table":
            needs = None if index == 0 else 0
        elif block.kind == "diff":
            if said.startswith(("+++ ", "diff --git")):
                header = index
            elif said.startswith(("+", "-")) and not said.startswith(("---", "+++")):
                needs = header
        elif block.kind in ("yaml", "json", "code"):
            depth = len(said) - len(said.lstrip(" \t"))
            while parents and _depth(text, block.lines[parents[-1]]) >= depth:
                parents.pop()
            needs = parents[-1] if parents else None
            if said.rstrip().endswith((":", "{", "[", "(")):
                parents.append(index)
        found.append(Line(span, needs, _weight(said, block.kind)))
    return found


_SETTING = regex.compile(
    r"\s*(?:- )?(?P<all>[\w.\-/\"' ]{1,80}[:=]\s*(?P<value>[^\s#{\[|>&].*?)),?\s*$|\s*- (?P<all>[^\s#].*?)\s*$"
)
_DEFINITION = regex.compile(
    r"\s*(?:export |public |private |static |async )*"
    r"(?P<all>(?:def|class|func|fn|function|interface|type|struct|enum) .*?)[:{]?\s*$"
    r"|(?P<all>[A-Z][A-Z0-9_]{2,}\s*(?::[^=]+)?= .*?)\s*$"
)
_ITEM = regex.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(?P<all>[^\s].{2,100}?)\s*$")
_STATING = {"yaml": _SETTING, "json": _SETTING, "code": _DEFINITION, "diff": _DEFINITION, "list": _ITEM}


def line_fact(text: str, block: Block, line: Span) -> Span | None:
    """What a line states by its mere form: a setting with its value, a definition, a short item of a list."""
    pattern = _STATING.get(block.kind)
    match = pattern.match(text, line.start, line.end) if pattern else None
    return None if match is None else Span(*match.span("all"))


def _depth(text: str, span: Span) -> int:
    said = text[span.start : span.end]
    return len(said) - len(said.lstrip(" \t"))


def _weight(said: str, kind: Kind) -> float:
    """How much a line matters by its looks: a log's level, a diff's change over its context."""
    if kind == "log":
        return next((weight for level, weight in _LEVELS if level.search(said)), 1.0)
    if kind == "diff":
        return 1.0 if said.startswith(("+", "-")) else 0.5
    return 1.0
