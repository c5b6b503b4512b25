"""Footnotes and link definitions of Markdown: a text that refers to one needs it."""

from collections.abc import Mapping, Sequence

import regex

_DEFINITION = regex.compile(r"\s{0,3}\[(?P<label>\^?[^\[\]\n]{1,80})\]:[ \t]")
_REFERENCE = regex.compile(
    r"\[(?P<label>\^[^\[\]\n]{1,80})\](?!:)|\]\[(?P<label>[^\[\]\n]{1,80})\]|\[(?P<label>[^\[\]\n]{1,80})\](?![\[(:])"
)


def needed_definitions(texts: Sequence[str]) -> Mapping[int, tuple[int, ...]]:
    """For each text that refers to definitions, the numbers of the texts with the definitions. Linear time."""
    definitions: dict[str, int] = {}
    for at, text in enumerate(texts):
        match = _DEFINITION.match(text)
        if match:
            definitions.setdefault(match["label"].casefold(), at)
    if not definitions:
        return {}
    needed: dict[int, tuple[int, ...]] = {}
    for at, text in enumerate(texts):
        labels = (match["label"].casefold() for match in _REFERENCE.finditer(text))
        needs = tuple(dict.fromkeys(definitions[label] for label in labels if definitions.get(label, at) != at))
        if needs and _DEFINITION.match(text) is None:
            needed[at] = needs
    return needed
