"""The kinds of structured text, and a search for them in a text."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from app.text.kinds import (
    code,
    diff,
    email,
    encoded,
    html,
    json_records,
    languages,
    latex,
    lines,
    log,
    numbered,
    settings,
    subtitles,
    table,
    xml_elements,
    yaml_lines,
)
from app.text.kinds.form import Form
from app.text.kinds.regions import Reader, find_regions, first_form

_LOG_RECORD = re.compile(
    r"""(?=[^\n]*"(?:msg|message|log|event)"\s*:)(?=[^\n]*"(?:level|lvl|severity|time|ts|@?timestamp)"\s*:)\{[^\n]*\}\s*\n\s*\{"""
)


def _read_log_records(text: str, start: int, end: int) -> Form | None:
    """A log whose lines are JSON; its log form is more useful than its form as records."""
    return log.read(text, start, end) if _LOG_RECORD.match(text, start, end) else None


_READERS: tuple[Reader, ...] = (
    json_records.read,
    _read_log_records,
    json_records.read_lines,
    diff.read,
    html.read,
    xml_elements.read,
    email.read,
    subtitles.read,
    encoded.read,
    latex.read,
    numbered.read,
    table.read,
    settings.find_toml,
    settings.read_ini,
    settings.find_env,
    yaml_lines.find,
    code.read,
    lines.read,
    log.read,
)
"""Readers of a whole text. The first that returns a form wins; readers of stricter kinds come first."""

_BY_TYPE: Mapping[str, tuple[Reader, ...]] = {
    "json": (json_records.read, json_records.read_lines),
    "ndjson": (json_records.read_lines,),
    "jsonl": (json_records.read_lines,),
    "csv": (table.read_csv,),
    "tsv": (table.read_csv,),
    "tab-separated-values": (table.read_csv,),
    "html": (html.read,),
    "email": (email.read,),
    "eml": (email.read,),
    "rfc822": (email.read,),
    "mbox": (email.read,),
    "subtitles": (subtitles.read,),
    "vtt": (subtitles.read,),
    "srt": (subtitles.read,),
    "subrip": (subtitles.read,),
    "latex": (latex.read,),
    "tex": (latex.read,),
    "base64": (encoded.read,),
    "table": (table.read, table.read_csv),
    "diff": (diff.read,),
    "patch": (diff.read,),
    "log": (log.read, lines.read),
    "code": (code.read,),
    "xml": (xml_elements.read,),
    "yaml": (yaml_lines.read,),
    "yml": (yaml_lines.read,),
    "toml": (settings.read_toml,),
    "ini": (settings.read_ini,),
    "env": (settings.read_env,),
    "dotenv": (settings.read_env,),
}
"""Readers by the name of a kind, by the subtype of a media type, and by the info string of a Markdown fence."""

_PROSE = frozenset(("text", "plain", "prose"))


class ContentTypeError(ValueError):
    """The content type is unknown, or the text does not have it; the message says which."""


def find_forms(text: str, content_type: str | None = None) -> Sequence[Form]:
    """The forms in `text`, in order and without overlaps. The rest of the text is prose or plain lines. Linear time.

    `content_type`: the kind ("csv") or media type ("text/csv; charset=utf-8") of the whole text; raises
    ContentTypeError if the text does not have it. "text" means a text without any form.
    """
    if content_type is not None:
        return _forced(text, content_type)
    start, end = _trimmed(text)
    if start == end:
        return ()
    whole = first_form(_READERS, text, start, end)
    if whole is not None:
        return (whole,)
    return tuple(find_regions(text, _READERS, _BY_TYPE))


def _forced(text: str, content_type: str) -> Sequence[Form]:
    name = _name(content_type)
    if name in _PROSE:
        return ()
    readers = _readers_of(name)
    if readers is None:
        names = ", ".join(known_types())
        raise ContentTypeError(f"content_type: {content_type!r} is not known; known are {names}")
    form = first_form(readers, text, *_trimmed(text))
    if form is None:
        raise ContentTypeError(f"content_type: the text is not valid {name}; leave it out to have its kind found")
    return (form,)


def _readers_of(name: str) -> Sequence[Reader] | None:
    """The readers for the name of a kind or of a programming language."""
    language = languages.named(name)
    if name in _BY_TYPE or language is None:
        return _BY_TYPE.get(name)
    return (partial(code.read, language=language),)


def known_types() -> list[str]:
    """What `content_type` may be, sorted. Media types that end in one of these names, and aliases of languages, too."""
    return sorted({*_BY_TYPE, "text", *(language.name for language in languages.LANGUAGES)})


def _name(content_type: str) -> str:
    """The name of a kind, or the last part of a media type's subtype: "application/problem+json" is "json"."""
    subtype = content_type.partition(";")[0].strip().lower().rpartition("/")[2].removeprefix("x-")
    return subtype if languages.named(subtype) else subtype.rpartition("+")[2]


def _trimmed(text: str) -> tuple[int, int]:
    """The slice of the text without surrounding blank lines and trailing white space."""
    end = len(text.rstrip(" \r\n"))  # tabs at the end are empty fields
    first = len(text) - len(text.lstrip())
    return text.rfind("\n", 0, first) + 1 if end else 0, end
