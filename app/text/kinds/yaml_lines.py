"""YAML: whole entries under their parents, comments with the entry they precede.

Read by lines; libyaml's events show whether a text is valid and which values span several lines. No value is loaded, so
aliases that would explode when expanded are harmless lines.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import yaml

from app.text.kinds.settings import Entry, SettingsForm, form_of
from app.text.kinds.spans import line_starts

_YAML_KEY = re.compile(r"\s*(?:- +)*[\"']?[\w.$\-/]{1,80}[\"']?:(?:\s|$)")
_UNREAD = re.compile("\r(?!\n)|[\x85\u2028\u2029]|[|>][1-9]?[+]")
"""Line breaks that YAML knows but this module does not, and block scalars that keep trailing blank lines."""
_SHORT_ITEM = 6  # lines; a list item of at most so many stays whole
_MOST_WORDS = 8  # per line on average, if the text is not declared as YAML


def read(text: str, start: int, end: int) -> SettingsForm | None:
    """Mappings and lists in block style; None if the slice is not YAML or is a single value."""
    return _read(text, start, end, is_certain=True)


def find(text: str, start: int, end: int) -> SettingsForm | None:
    """As `read`, if the slice looks like YAML: most texts with a colon are valid YAML."""
    return _read(text, start, end, is_certain=False)


def _read(text: str, start: int, end: int, *, is_certain: bool) -> SettingsForm | None:
    lines = text[start:end].split("\n")
    if any(line.startswith("%") or f"{line.lstrip(' ')} ".startswith("? ") for line in lines):
        return None
    if (not is_certain and not _looks_like_yaml(lines)) or _UNREAD.search(text, start, end):
        return None
    outline = _Outline(may_repeat=is_certain)
    try:
        outline.read(text[start:end])
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if not outline.is_block:
        return None
    return form_of("yaml", text, start, end, _yaml_entries(start, lines, outline))


def _looks_like_yaml(lines: Iterable[str]) -> bool:
    written = [line for line in lines if line.strip()]
    if len(written) < 2:
        return False
    keyed = sum(_YAML_KEY.match(line) is not None for line in written)
    if keyed < 2 or keyed * 2 < len(written):
        return False
    other = sum(line.lstrip(" ").startswith(("- ", "#", "---")) for line in written)
    words = sum(len(line.split()) for line in written)
    return keyed + other >= 0.7 * len(written) and words <= _MOST_WORDS * len(written)


class _Outline:
    """Facts about the lines of a YAML text, from its events.

    `whole`: the last line of values that span several lines or have an alias, by first line. `anchors`: the lines of
    anchors by name. `aliases`: the lines of the anchors referred to, by the line of the alias.
    """

    def __init__(self, *, may_repeat: bool) -> None:
        self._may_repeat = may_repeat
        self.whole: dict[int, int] = {}
        self.anchors: dict[str, int] = {}
        self.aliases: dict[int, list[int]] = {}
        self.is_block = False

    def read(self, text: str) -> None:
        """Raises YAMLError if the text is not valid, ValueError if a mapping has a duplicate key."""
        open_nodes: list[_Open] = []
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            if event.start_mark is None or event.end_mark is None:
                continue
            line, end = event.start_mark.line, event.end_mark
            last = end.line if end.column else end.line - 1
            if isinstance(event, yaml.CollectionEndEvent):
                begun = open_nodes.pop()
                if begun.is_whole:
                    self._extend(begun.line, last)
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            if open_nodes:
                self._count(open_nodes[-1], event)
            name = event.anchor or ""
            if isinstance(event, yaml.AliasEvent):
                self.aliases.setdefault(line, []).append(self.anchors.get(name, line))
                continue
            if name:
                self.anchors[name] = line
            if isinstance(event, yaml.CollectionStartEvent):
                self.is_block = self.is_block or not event.flow_style
                is_whole = bool(event.flow_style or name)
                open_nodes.append(_Open(line, is_whole, isinstance(event, yaml.MappingStartEvent)))
            else:
                self._extend(line, last)

    def _extend(self, first: int, last: int) -> None:
        if last > first:
            self.whole[first] = max(last, self.whole.get(first, 0))

    def _count(self, node: "_Open", event: yaml.NodeEvent) -> None:
        """Raise ValueError if a mapping has a duplicate key: prose in short lines has them, settings do not."""
        node.count += 1
        if node.is_mapping and node.count % 2 and isinstance(event, yaml.ScalarEvent):
            if event.value in node.keys and not self._may_repeat:
                raise ValueError("a key stands twice")
            node.keys.add(event.value)


@dataclass(slots=True)
class _Open:
    """A collection whose end is not read yet. `is_whole`: its lines stay together. `count`: of keys and values."""

    line: int
    is_whole: bool
    is_mapping: bool
    count: int = 0
    keys: set[str] = field(default_factory=set)


def _yaml_entries(start: int, lines: Sequence[str], outline: _Outline) -> list[Entry]:
    starts = line_starts(lines, start)
    entries: list[Entry] = []
    anchored: dict[int, int] = {}  # numbers of entries by the lines of anchors in them
    parents: list[tuple[int, bool, int]] = []  # depth, whether it is a list item, number
    document: int | None = None
    at = 0
    while at < len(lines):
        content = lines[at].lstrip(" ")
        if not content or content.rstrip() == "...":
            at += 1
            continue
        depth = len(lines[at]) - len(content)
        last = _last_line(lines, at, depth, outline)
        entry = Entry(starts[at], starts[last + 1] - 1, is_comment=content.startswith("#"))
        if depth == 0 and content.startswith("---"):
            parents, document = [], len(entries)
        elif not entry.is_comment:
            is_item = content.startswith("-")
            # Deeper, or a list item at the depth of its key.
            while parents and not (depth > parents[-1][0] or (depth == parents[-1][0] and is_item > parents[-1][1])):
                parents.pop()
            entry.parent = parents[-1][2] if parents else document
            parents.append((depth, is_item, len(entries)))
        if outline.anchors:
            entry.needs = _anchors(range(at, last + 1), outline, anchored, len(entries))
        entries.append(entry)
        at = last + 1
    return entries


def _anchors(lines: range, outline: _Outline, anchored: dict[int, int], number: int) -> list[int]:
    """The entries that the aliases in an entry's lines refer to; its own anchors are recorded."""
    anchored |= dict.fromkeys(lines, number)
    needed = {anchored[anchor] for line in lines for anchor in outline.aliases.get(line, ()) if anchor in anchored}
    return sorted(needed - {number})


def _last_line(lines: Sequence[str], at: int, depth: int, outline: _Outline) -> int:
    """The last line of a value or of a short list item, whose lines stay together."""
    last = outline.whole.get(at, at)
    if lines[at].lstrip(" ").startswith("- "):
        stop = at + 1
        while stop < len(lines) and stop - at <= _SHORT_ITEM:
            line = lines[stop]
            if line.strip(" ") and len(line) - len(line.lstrip(" ")) <= depth:
                break
            stop += 1
        if stop - at <= _SHORT_ITEM or stop == len(lines):
            last = max(last, stop - 1)
    reach = last
    inner = at
    while inner <= reach:
        reach = max(reach, outline.whole.get(inner, 0))
        inner += 1
    while reach > at and not lines[reach].strip(" "):
        reach -= 1
    return reach
