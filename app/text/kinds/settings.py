"""Settings: TOML, INI and .env. Whole entries under their parents, comments with the entry they precede.

Read by lines; `tomllib` validates TOML.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from app.text.kinds.form import Part
from app.text.kinds.outliers import row_worths
from app.text.kinds.spans import line_starts

SettingsKind = Literal["yaml", "toml", "ini", "env"]

_ENTRY_WORTH = 0.3
_NOISE_WORTH = -1.0
_NOISE = re.compile(
    r"\s*(?:export\s+)?[\"']?(?:PATH|MANPATH|HOME|SHELL|TERM\w*|COLORTERM|LANG|LANGUAGE|LC_\w+|LS_COLORS|LSCOLORS|SHLVL|PWD"
    r"|OLDPWD|_|XDG_\w+|SSH_\w+|DISPLAY|WAYLAND_\w+|HOSTNAME|HOSTTYPE|OSTYPE|MACHTYPE|USER|LOGNAME|MAIL|EDITOR|VISUAL|PAGER"
    r"|LESS\w*|TMPDIR|TEMP|TMP|DBUS_\w+|GPG_\w+|NVM_\w+|npm_\w+|WINDOWID|HIST\w+|PS[1-4]|INFOPATH|VSCODE_\w+"
    r"|managedFields|resourceVersion|uid|selfLink|creationTimestamp|generation|kubectl\.kubernetes\.io/[\w\-]+)"
    r"[\"']?\s*[:=]"
)
"""Variables that a shell or Kubernetes adds."""

_WARNING = re.compile(
    r"\b(?:do not|don['’]t|must|shall|never|only|cannot|can['’]t|may not|until|unless|required?|requires|warning"
    r"|caution|attention|important|deprecated|breaks?|nicht|niemals|muss|müssen|nur|erst|ne pas|jamais|doit|seulement"
    r"|nunca|debe)\b",
    re.IGNORECASE,
)
_LONGEST_WARNING = 5  # lines of comment
_WARNING_WORTH = 0.6

_BLANKS = " \t\r\n"  # other white space is part of a value
_NAME_END = re.compile(r"[:=]")
_FEWEST_COMPARED = 5  # entries of the same name

_INI_SECTION = re.compile(r"^[ \t]*\[[^\[\]\n]+\]\s*(?:[;#].*)?$", re.MULTILINE)
_INI_ENTRY = re.compile(r"[^\s=:\[][^=:\n]{0,80}(?:[=:]|$)")
_TOML_SIGN = re.compile(
    r'"{3}(?:[^"\\]|\\.|"(?!""))*+"{3,5}|\'{3}.*?\'{3,5}|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+|[\[\]{}\n]',
    re.DOTALL,
)
_TOML_START = re.compile(r"\s*(?:#|\[\[?[\w.\-\"' ]+\]|[\w.\-\"']+\s*=)")
_TOML_HEADER = re.compile(r"[ \t]*(?P<open>\[\[?)(?P<name>[^\]\n]+)\]")
_ENV_ENTRY = re.compile(
    r"(?P<key>(?:export[ \t]+)?[A-Za-z_][\w.\-]*)[ \t]*="
    r"(?:[ \t]*(?:\"(?:[^\"\\]|\\.)*+\"|'[^']*+')[ \t]*(?:\#[^\n]*)?(?=\n|\Z)|[^\n]*)",
    re.DOTALL,
)


@dataclass(slots=True)
class Entry:
    """A line with its continuation lines. `parent`: number of its parent entry; `children`: of its child entries.

    `is_warning`: a comment that says what must or must not be done with the entry below it.
    """

    start: int
    end: int
    parent: int | None = None
    needs: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)
    is_comment: bool = False
    is_warning: bool = False

    @property
    def all_needs(self) -> tuple[int, ...]:
        """Its parent, the entries that it refers to, and its first child."""
        if not self.needs and not self.children:
            return () if self.parent is None else (self.parent,)
        return tuple(sorted({*(() if self.parent is None else (self.parent,)), *self.needs, *self.children[:1]}))


class SettingsForm:
    """Entries, verbatim. A parent needs its first child, since a key without content is not valid."""

    def __init__(self, kind: SettingsKind, text: str, start: int, end: int, entries: Sequence[Entry]) -> None:
        self.kind: SettingsKind = kind
        self.start = start
        self.end = end
        self._texts = [text[entry.start : entry.end].rstrip(_BLANKS) for entry in entries]
        noisy: set[int] = set()
        for at, entry in enumerate(entries):
            if entry.parent in noisy or _NOISE.match(self._texts[at]):
                noisy.add(at)
        worths = _worths(entries, self._texts)
        self.parts: Sequence[Part] = [
            Part(
                entry.start,
                entry.start + len(self._texts[at]),
                entry.all_needs,
                _NOISE_WORTH if at in noisy else worths[at],
            )
            for at, entry in enumerate(entries)
        ]

    def render(self, chosen: Sequence[int]) -> str:
        taken = set(chosen)
        lines = [self._texts[at] for at in sorted(taken)]
        left = sum(text.count("\n") + 1 for at, text in enumerate(self._texts) if at not in taken)
        if left:
            lines.append(f"# ... {left} more line{'s' if left > 1 else ''}")
        return "\n".join(lines)


def _worths(entries: Sequence[Entry], texts: Sequence[str]) -> list[float]:
    """How notable each entry is, compared with entries of the same name at the same depth."""
    worths = [
        _WARNING_WORTH if entry.is_warning else 0.0 if entry.is_comment or entry.children else _ENTRY_WORTH
        for entry in entries
    ]
    groups: dict[str, list[int]] = {}
    for at, entry in enumerate(entries):
        if not entry.is_comment and not entry.children:
            groups.setdefault(_NAME_END.split(texts[at], maxsplit=1)[0], []).append(at)
    for group in groups.values():
        if len(group) >= _FEWEST_COMPARED:
            for at, worth in zip(group, row_worths([[texts[at]] for at in group], has_ends=False), strict=True):
                worths[at] += worth
    return worths


def form_of(kind: SettingsKind, text: str, start: int, end: int, entries: Sequence[Entry]) -> SettingsForm | None:
    """The form of `entries`. Sets their children; a comment needs the entry below it, which needs its warning."""
    following: int | None = None
    comments: list[int] = []  # directly above `following`
    for at in range(len(entries) - 1, -1, -1):
        entry = entries[at]
        if not entry.is_comment:
            _attach_warning(text, entries, comments, following)
            following, comments = at, []
        elif following is not None:
            entry.needs.append(following)
            if len(comments) + 1 == following - at and not _is_blank_between(text, entry, entries[at + 1]):
                comments.append(at)
    _attach_warning(text, entries, comments, following)
    for at, entry in enumerate(entries):
        if entry.parent is not None and not entry.is_comment:
            entries[entry.parent].children.append(at)
    return SettingsForm(kind, text, start, end, entries) if len(entries) > 1 else None


def _is_blank_between(text: str, entry: Entry, following: Entry) -> bool:
    """Whether a blank line separates two entries."""
    between = text[entry.start : following.start].rstrip(" \t")
    return between.endswith("\n\n") or between.endswith("\n\r\n")


def _attach_warning(text: str, entries: Sequence[Entry], comments: Sequence[int], at: int | None) -> None:
    """If the comments directly above an entry are a warning, the entry needs them."""
    lines = [text[entries[comment].start : entries[comment].end] for comment in comments]
    if at is None or not 0 < len(lines) <= _LONGEST_WARNING or not any(map(_WARNING.search, lines)):
        return
    entries[at].needs += comments
    for comment in comments:
        entries[comment].is_warning = True


# TOML


def find_toml(text: str, start: int, end: int) -> SettingsForm | None:
    """As `read_toml`, if the slice looks like TOML: keys with values, and more than a single line."""
    lines = [line for line in text[start:end].split("\n") if line.strip()]
    is_keyed = len(lines) > 1 and bool(_TOML_START.match(lines[0])) and "=" in text[start:end]
    return read_toml(text, start, end) if is_keyed else None


def read_toml(text: str, start: int, end: int) -> SettingsForm | None:
    """Tables and their keys; None if the slice is not valid TOML."""
    try:
        tomllib.loads(text[start:end].replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None
    entries: list[Entry] = []
    header: int | None = None
    arrays: dict[str, int] = {}
    for begin, stop in _toml_lines(text, start, end):
        line = text[begin:stop]
        entry = Entry(begin, stop, is_comment=line.lstrip().startswith("#"))
        if match := _TOML_HEADER.match(line):
            name = re.sub(r"[\s\"']", "", match["name"])
            over = name
            while over and entry.parent is None:
                over = over.rpartition(".")[0]
                entry.parent = arrays.get(over)
            header = len(entries)
            if match["open"] == "[[":
                arrays = {path: at for path, at in arrays.items() if not path.startswith(f"{name}.")} | {name: header}
        else:
            entry.parent = header
        entries.append(entry)
    return form_of("toml", text, start, end, entries)


def _toml_lines(text: str, start: int, end: int) -> Iterable[tuple[int, int]]:
    """The lines that are not blank, each with the continuation lines of its value."""
    depth, begin = 0, start
    for match in _TOML_SIGN.finditer(text, start, end):
        sign = match.group()
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "\n" and depth == 0:
            if text[begin : match.start()].strip():
                yield begin, match.start()
            begin = match.end()
    if text[begin:end].strip():
        yield begin, end


# INI and .env


def read_ini(text: str, start: int, end: int) -> SettingsForm | None:
    """Sections and their keys; None if the slice has no section or has other lines.

    Less strict than `configparser`: keys are allowed before the first section, and twice in a section.
    """
    if not _INI_SECTION.search(text, start, end):
        return None
    entries: list[Entry] = []
    section: int | None = None
    keyed = 0
    starts = line_starts(text[start:end].split("\n"), start)
    for begin, following in pairwise(starts):
        line = text[begin : following - 1]
        if not line.strip():
            continue
        is_comment = line.lstrip().startswith(("#", ";"))
        last = entries[-1] if entries else None
        if _INI_SECTION.match(line):
            section = len(entries)
            entries.append(Entry(begin, following - 1))
        elif line[0] in " \t" and not is_comment and last and last.parent is not None and not last.is_comment:
            last.end = following - 1
        elif is_comment or _INI_ENTRY.match(line.lstrip()):
            keyed += not is_comment and ("=" in line or ":" in line)
            entries.append(Entry(begin, following - 1, section, is_comment=is_comment))
        else:
            return None
    return form_of("ini", text, start, end, entries) if section is not None and keyed * 4 >= len(entries) else None


def find_env(text: str, start: int, end: int) -> SettingsForm | None:
    """As `read_env`, if most keys occur once: lines of a log repeat their keys."""
    first = text[start : end if (stop := text.find("\n", start)) < 0 else stop]
    if not first.lstrip().startswith("#") and not _ENV_ENTRY.match(first):
        return None
    names = [match["key"] for match in _ENV_ENTRY.finditer(text, start, end)]
    return read_env(text, start, end) if len(set(names)) * 2 > len(names) else None


def read_env(text: str, start: int, end: int) -> SettingsForm | None:
    """At least two lines of KEY=value; None if the slice has other lines."""
    entries: list[Entry] = []
    at = start
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line = text[at:stop].strip()
        if line:
            match = _ENV_ENTRY.match(text, at, end)
            if not match and not line.startswith("#"):
                return None
            stop = match.end() if match else stop
            entries.append(Entry(at, stop, is_comment=match is None))
        at = stop + 1
    has_two = sum(not entry.is_comment for entry in entries) > 1
    return form_of("env", text, start, end, entries) if has_two else None
