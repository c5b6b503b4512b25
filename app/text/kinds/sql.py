"""Splits SQL of any dialect into statements; no grammar covers all dialects."""

from collections.abc import Iterator

import regex

_TOKEN = regex.compile(
    r"""
    (?P<comment> --[^\n]*+ | /\*(?:[^*]|\*(?!/))*+(?:\*/|\Z) ) | (?P<string> '(?:[^']|'')*+(?:'|\Z) | "[^"\n]*+" | `[^`\n]*+` )
  | (?P<dollar> \$\w*+\$ ) | (?P<directive> (?m:^)(?:DELIMITER\b[^\n]*+|GO[ \t]*+(?=\n|$)|\\[^\n]*+) )
  | (?P<opens> \b(?:BEGIN|CASE|LOOP|IF(?!\s+(?:NOT\s+)?EXISTS\b)(?!\s*\()) \b ) | (?P<closes> \bEND\b (?:\s+(?:IF|CASE|LOOP|WHILE|REPEAT)\b)?+ )
  | (?P<end> ; | // ) | (?P<word> \w++ ) | (?P<other> \S )
    """,
    regex.VERBOSE | regex.DOTALL | regex.IGNORECASE,
)
_ROUTINE = regex.compile(
    r"\s*CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:DEFINER\s*=\s*\S+\s+)?(?:PROCEDURE|FUNCTION|TRIGGER|PACKAGE|EVENT)\b",
    regex.IGNORECASE,
)
_FIRST_WORD = regex.compile(
    r"(?:CREATE|INSERT|SELECT|UPDATE|DELETE|ALTER|DROP|WITH|GRANT|REVOKE|COMMENT|SET|BEGIN|COMMIT|ROLLBACK|START|MERGE|REPLACE|TRUNCATE"
    r"|EXPLAIN|ANALYZE|VACUUM|DO|CALL|EXEC|EXECUTE|DECLARE|USE|SHOW|COPY|REFRESH|LOCK|UNLOCK|VALUES|PRAGMA|END|IF|PRINT|DELIMITER|GO|RAISE)\b|\\|\(",
    regex.IGNORECASE,
)
_MOST_UNCLOSED = 20  # unclosed dollar quotes, each of which costs a search to the end of the text
Statement = tuple[int, int, str, list[tuple[int, int]]]
"""Start, end, kind (`comment`, `directive` or the first two words), slices between dollar quotes."""


def statements(text: str) -> list[Statement]:
    """The statements and comments of SQL in order; none if the text has anything else. Linear time."""
    spans = list(_statements(text))
    codes = [text[start:end] for start, end, kind, _ in spans if kind != "comment"]
    return spans if codes and all(_FIRST_WORD.match(code) for code in codes) else []


def _statements(text: str) -> Iterator[Statement]:
    start, last, depth, at, unclosed = -1, -1, 0, 0, 0
    is_routine = False
    bodies: list[tuple[int, int]] = []
    while match := _TOKEN.search(text, at):
        kind, at = match.lastgroup, match.end()
        if start < 0 and (kind in ("comment", "directive", "end")):
            yield match.start(), at, "comment" if kind == "comment" else "directive", []
            continue
        if start < 0:
            start, depth, bodies = match.start(), 0, []
            is_routine = _ROUTINE.match(text, start) is not None
        if kind == "directive":
            yield start, last, _kind(text, start, last), bodies
            yield match.start(), at, kind, []
            start = -1
            continue
        if kind == "dollar" and unclosed < _MOST_UNCLOSED:
            stop = text.find(match[0], at)
            if stop >= 0:
                bodies.append((at, stop))
                at = stop + len(match[0])
            unclosed += stop < 0
        last = at
        if kind in ("opens", "closes") and is_routine:
            depth = max(0, depth + (1 if kind == "opens" else -1))
        elif match[0] == ";" and not depth:
            yield start, last, _kind(text, start, last), bodies
            start = -1
    if start >= 0:
        yield start, last, _kind(text, start, last), bodies


def _kind(text: str, start: int, end: int) -> str:
    words = regex.findall(r"[A-Za-z]+", text[start : min(end, start + 80)])
    kept = [
        word.lower()
        for word in words
        if word.lower() not in ("or", "replace", "temporary", "temp", "unique", "if", "not", "exists")
    ]
    return "_".join(kept[:2])
