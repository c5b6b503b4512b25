"""Where the statements of SQL begin and end, in any dialect: no grammar has them all."""

from collections.abc import Iterator

import regex

_TOKEN = regex.compile(
    r"""
    (?P<comment> --[^\n]*+ | /\*.*?\*/ ) | (?P<string> '(?:[^']|'')*+' | "[^"\n]*+" | `[^`\n]*+` )
  | (?P<body> \$(\w*)\$ (?P<inside>.*?) \$\4\$ ) | (?P<directive> (?m:^)(?:DELIMITER\b[^\n]*+|GO[ \t]*+(?=\n|$)|\\[^\n]*+) )
  | (?P<opens> \b(?:BEGIN|CASE|LOOP|IF(?!\s+(?:NOT\s+)?EXISTS\b)(?!\s*\()) \b ) | (?P<closes> \bEND\b (?:\s+(?:IF|CASE|LOOP|WHILE|REPEAT)\b)?+ )
  | (?P<end> ; | \$\$ | // ) | (?P<word> \w++ ) | (?P<other> \S )
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
Statement = tuple[int, int, str, list[tuple[int, int]]]
"""Start, end, kind (`comment`, `directive` or the two first words), slices of what stands between dollar quotes."""


def statements(text: str) -> list[Statement]:
    """The statements and comments of SQL in order; none where not all of it is made of statements. Linear time."""
    found = list(_statements(text))
    said = [text[start:end] for start, end, kind, _ in found if kind != "comment"]
    return found if said and all(_FIRST_WORD.match(one) for one in said) else []


def _statements(text: str) -> Iterator[Statement]:
    start, last, depth = -1, -1, 0
    is_routine = False
    bodies: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup if match["body"] is None else "body"
        if start < 0:
            if kind in ("comment", "directive"):
                yield match.start(), match.end(), kind, []
                continue
            if kind == "end":
                yield match.start(), match.end(), "directive", []
                continue
            start, depth, bodies = match.start(), 0, []
            is_routine = _ROUTINE.match(text, start) is not None
        if kind == "directive":
            yield start, last, _kind(text, start, last), bodies
            yield match.start(), match.end(), kind, []
            start = -1
            continue
        last = match.end()
        if kind == "body":
            bodies.append(match.span("inside"))
        elif kind in ("opens", "closes") and is_routine:
            depth = max(0, depth + (1 if kind == "opens" else -1))
        elif kind == "end" and not depth and match[0] != "//":
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
