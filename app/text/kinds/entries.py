"""The entries of a log: lines with their continuation, such as a stack trace."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import regex

from app.text.kinds.spans import filled_lines

Severity = Literal["error", "warning", "none"]

_STAMP = (
    r"\d{4}[-/]\d\d[-/]\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?:Z|[ ]?[+-]\d\d:?\d\d)?"
    r"|\d\d?/\p{L}{3}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?|(?:\p{Lu}\p{Ll}{2} )?\p{Lu}\p{Ll}{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?|[IWEF]\d{4} \d\d:\d\d:\d\d(?:\.\d+)?|\d{10}(?:\.\d{1,9}|\d{3})?|\d{1,9}\.\d{3,9}"
)
_HEAD = regex.compile(
    rf"\s{{0,8}}[\[(<]{{0,2}}(?:(?P<stamp>{_STAMP})(?![\w-])[\])>]?|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b[\])]?:?"
    rf"|(?P<client>\S{{1,80}}) \S{{1,80}} \S{{1,80}} \[(?P<stamp>{_STAMP})\]|(?P<json>\{{\s*\"))"
)  # fmt: skip
_ACCESS = regex.compile(r"\"(?P<method>[A-Z]{3,8}) (?P<path>[^\" ?]{1,2000})[^\"]{0,2000}\" (?P<status>\d{3})\b")
_STATUS = regex.compile(
    r"\"[A-Z]{3,8} [^\"]{1,2000}\" (\d{3})\b|\b(?:status|code|http_status)\"?[=:] ?\"?(\d{3})\b", regex.IGNORECASE
)
_LEVEL = regex.compile(
    r"\b(?:(?P<error>error|err|fatal|crit|critical|alert|emerg|emergency|panic|severe)|(?P<warning>warn|warning)"
    r"|(?P<none>info|information|notice|debug|trace|verbose))\b",
    regex.IGNORECASE,
)
_CUE = regex.compile(
    r"\b(?:(?P<error>exception|traceback|panic(?:ked)?|fatal|fail(?:ed|ure|s)?|segfault|killed|crash\w*|abort(?:ed)?|corrupt\w*|out of memory|oom)"
    r"|(?P<warning>denied|refused|time[d-]? ?out|rejected|unreachable|invalid|deprecat\w+|retry\w*|unable|cannot|not found|throttl\w+))\b",
    regex.IGNORECASE,
)
_RAISED = regex.compile(r"\n(?:Traceback \(most recent|[ \t]+at |Caused by: )")
_NAME_RAISED = regex.compile(r"\n(?:[Cc]aused by: )?([\w.$]{1,200}(?:Error|Exception))\b")
_KLOG: dict[str, Severity] = {"E": "error", "F": "error", "W": "warning", "I": "none"}
_TURN = regex.compile(
    r"[\[(]?\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?[\])]?[ -]*(?!(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b)\p{Lu}[\p{L}\d .'_-]{0,30}: \S+ \S"
)
_LEVEL_WITHIN = 160  # characters of a line
# Words that contain a digit, except error codes such as ORA-00942 or E1042. Possessive, from the start of a word.
_VARIES = regex.compile(
    r"(?<![\w.:-])(?![A-Z]{1,5}-?\d{2,5}(?![\w.:-]))(?:[\w.:-]*?\d[\w.:-]*+|[0-9a-fA-F]{8,}+(?![\w.:-]))|(?<=/)[\w.:-]*?\d[\w.:-]*+"
)
_CONTINUES = regex.compile(
    r"\s+\S|Traceback \(most recent|Caused by: |\S{0,200}(?:Error|Exception|Warning)\b(?:: |$)|at \S+\(|goroutine \d+|\.{3} \d+ more|[)}\]]+;?$"
)
_TRACE = regex.compile(
    r"Traceback \(most recent call last\):|(?:Exception in thread \"[^\"]{0,200}\" |Caused by: )?(?:[\w$]+\.)+[\w$]*(?:Exception|Error)\b|panic: |goroutine \d+ \[|thread '[^']{0,200}' panicked|Unhandled exception|\w*Error: |\S+ ?: .*\n\s+at "
)
_FRAME = regex.compile(
    r"\s+(?:at |File \"|in )|\s+\S+\.go:\d+|\S+\(.{0,400}\)$|\s*\d+: |\s+\.\.\. \d+ more|\s+\^|Caused by: |\s*from \S+:\d+:in "
)
_SENTENCE_WITHIN = regex.compile(r"\p{Ll}{2}[.!?] \p{Lu}")
_LEAST_ALIKE = 20  # lines without time and level; fewer are not a log
_ALIKE_SHARE = 0.25  # of such lines: at most so many distinct ones after masking
_DELIMITERS = tuple(regex.compile(rf"{delimiter}(?! )") for delimiter in (",", ";", "\t"))
_DELIMITED_SHARE = 0.7  # of the lines, with the same number of delimiters
_SAMPLED = 400
_FRAMES_SHARE = 0.7  # of the lines of a stack trace between the first and the last
_HEADED_SHARE = 0.6  # of entries that begin with a time or a level
_LONGEST_KEY = 400  # characters of a line that determine its kind


@dataclass(frozen=True, slots=True)
class Entry:
    """A slice of a text. `stamp`: its time stamp verbatim, empty if it has none.

    `words`: its message, used to find rare values. `masked`: the message with its variable parts masked, used to find
    its kind.
    """

    start: int
    end: int
    stamp: str
    severity: Severity
    words: tuple[str, ...]
    masked: str
    is_json: bool = False


def entries(text: str, start: int, end: int) -> list[Entry]:
    """The entries of a slice; none if it is neither a log nor a stack trace. Linear time."""
    lines = list(filled_lines(text, start, end))
    if not lines:
        return []
    if _is_trace(text, lines):
        return [replace(_entry(text, lines[0][0], lines[-1][1], None), severity="error")]
    if _is_transcript(text, lines):
        return []
    if len(lines) > 1 and _HEAD.match(text, *lines[0]) is not None:
        heads = [_HEAD.match(text, *line) for line in lines]
        joined = list(_joined(text, lines, heads))
        headed = sum(head is not None for head in heads)
        if len(joined) > 1 and headed >= max(2, _HEADED_SHARE * len(joined)):
            return [] if _is_delimited(text, lines[:_SAMPLED]) else joined
    if len(lines) < _LEAST_ALIKE or _is_prose(text, lines[:_SAMPLED]):
        return []
    masked = {_VARIES.sub("<*>", text[first : min(last, first + _LONGEST_KEY)]) for first, last in lines[:_SAMPLED]}
    if len(masked) > _ALIKE_SHARE * min(len(lines), _SAMPLED) or _is_delimited(text, lines[:_SAMPLED]):
        return []
    return [_entry(text, *line, None) for line in lines]


def _is_delimited(text: str, lines: list[tuple[int, int]]) -> bool:
    """Whether most lines are rows of the same number of fields, as of a table between lines of prose."""
    for delimiter in _DELIMITERS:
        counts = Counter(len(delimiter.findall(text, *line)) for line in lines)
        if any(number > 1 and count >= _DELIMITED_SHARE * len(lines) for number, count in counts.items()):
            return True
    return False


def _is_prose(text: str, lines: list[tuple[int, int]]) -> bool:
    """Whether most lines are paragraphs of several sentences, as in form letters."""
    return 2 * sum(len(_SENTENCE_WITHIN.findall(text, *line)) > 1 for line in lines) > len(lines)


def _is_transcript(text: str, lines: list[tuple[int, int]]) -> bool:
    """Whether most lines are turns of speakers with a time of day."""
    turns = sum(_TURN.match(text, *line) is not None for line in lines)
    return turns >= _HEADED_SHARE * len(lines)


def _is_trace(text: str, lines: list[tuple[int, int]]) -> bool:
    """Whether the lines are a stack trace and nothing else."""
    if len(lines) < 3 or not _TRACE.match(text, lines[0][0]):
        return False
    frames = sum(_FRAME.match(text, *line) is not None or text[line[0]] in " \t" for line in lines[1:-1])
    return frames >= (len(lines) - 2) * _FRAMES_SHARE


def _joined(text: str, lines: list[tuple[int, int]], heads: list[regex.Match[str] | None]) -> Iterator[Entry]:
    """Joins each line with a head and its continuation lines into an entry; other lines are entries themselves."""
    first = 0
    for at in range(1, len(lines) + 1):
        if at < len(lines) and heads[at] is None and _goes_on(text, lines, at):
            continue
        yield _entry(text, lines[first][0], lines[at - 1][1], heads[first])
        first = at


def _goes_on(text: str, lines: list[tuple[int, int]], at: int) -> bool:
    return _CONTINUES.match(text, *lines[at]) is not None or text.startswith((" ", "\t"), lines[at - 1][0])


def _entry(text: str, start: int, end: int, head: regex.Match[str] | None) -> Entry:
    line_end = text.find("\n", start, end)
    line = text[start : min(line_end if line_end >= 0 else end, start + 4 * _LONGEST_KEY)]
    if head is not None and head["json"] is not None and line_end < 0:
        entry = _json_entry(text, start, end)
        if entry is not None:
            return entry
    stamp = (head["stamp"] or "") if head is not None else ""
    message = line[head.end() - start if head is not None and head["stamp"] else 0 :]
    words: tuple[str, ...]
    access = _ACCESS.search(line)
    if access is not None:
        status = f"status:{access['status']}"
        words = (access["method"], status, access["path"])
        masked = f"{access['method']} {_spelled(access['status'])} {_VARIES.sub('<*>', access['path'])}"
    else:
        message = message[:_LONGEST_KEY]
        raised = _NAME_RAISED.search(text, line_end, end) if line_end >= 0 else None
        if raised is not None:  # first, because Drain distinguishes kinds by their first words
            message = f"{raised[1]} {message}"
        words = tuple(message.split())
        masked = _VARIES.sub("<*>", message)
    severity = _severity(line[: 2 * _LONGEST_KEY])
    if severity == "none" and line_end >= 0 and _RAISED.search(text, line_end, end):
        severity = "error"
    return Entry(start, end, stamp, severity, words, masked)


def _spelled(status: str) -> str:
    """A status spelled without digits, since digits are masked."""
    return "s" + "".join("abcdefghij"[int(digit)] for digit in status)


def _json_entry(text: str, start: int, end: int) -> Entry | None:
    try:
        record = json.loads(text[start:end])
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    stamp, level = "", ""
    words: list[str] = []
    for key, value in record.items():
        content = value if isinstance(value, str) else json.dumps(value)
        lowered = str(key).lower()
        if not stamp and lowered in ("time", "ts", "timestamp", "@timestamp", "date", "datetime", "t"):
            stamp = content
        elif not level and lowered in ("level", "severity", "lvl", "levelname", "log.level"):
            level = content
            words.append(content)
        elif lowered in ("msg", "message", "event"):
            words += content[:_LONGEST_KEY].split()
        else:
            words.append(f"{key}={'_'.join(content[:_LONGEST_KEY].split())}")
    severity = _severity(level or " ".join(words))
    status = _STATUS.search(text, start, end)
    if severity == "none" and status is not None:
        severity = _of_status(status[1] or status[2])
    return Entry(start, end, stamp, severity, tuple(words), _VARIES.sub("<*>", " ".join(words)), is_json=True)


def _severity(line: str) -> Severity:
    """The severity by a line's level, its HTTP status, or words that report an error or a warning."""
    if line[:1] in _KLOG and line[1:5].isdigit():
        return _KLOG[line[0]]
    level = _LEVEL.search(line, 0, _LEVEL_WITHIN)
    if level is not None and level.lastgroup != "none":
        return "error" if level.lastgroup == "error" else "warning"
    status = _STATUS.search(line)
    if status is not None:
        return _of_status(status[1] or status[2])
    if level is not None:
        return "none"
    cue = _CUE.search(line)
    return "none" if cue is None else "error" if cue.lastgroup == "error" else "warning"


def trouble(line: str) -> float:
    """2 if the words of a line report an error, 1 for a warning, else 0."""
    level = _LEVEL.search(line, 0, _LEVEL_WITHIN)
    if level is None or level.lastgroup == "none":
        level = _CUE.search(line)
    return {"error": 2.0, "warning": 1.0}.get(level.lastgroup or "", 0.0) if level is not None else 0.0


def _of_status(status: str) -> Severity:
    return "error" if status >= "500" else "warning" if status >= "400" else "none"


def plain_number(digits: str) -> float | None:
    """The value of digits with at most one decimal point; None for anything else."""
    return float(digits) if digits.replace(".", "", 1).isdecimal() and len(digits) <= 15 else None
