"""Detects a copied sentence with words inserted: the typical result of a prompt injection in the text.

A model may replace the text's words with its own, but may not insert them among words that it copied: nothing in the
source supports that combination.
"""

from collections.abc import Sequence

_LONGEST = 16  # words inserted at one place

Run = tuple[str, ...]


def runs_of(unit: Sequence[str]) -> frozenset[Run]:
    """The runs (n-grams) of three and of four words of a unit; a unit of two words is a run too."""
    if len(unit) == 2:
        return frozenset([tuple(unit)])
    triples = zip(unit, unit[1:], unit[2:], strict=False)
    return frozenset((*triples, *zip(unit, unit[1:], unit[2:], unit[3:], strict=False)))


def has_insertion(sentence: Sequence[str], unit: Sequence[str], runs: frozenset[Run], strange: Sequence[int]) -> bool:
    """Whether `sentence` has a strange word between two words that are neighbours in `unit`, or after the unit's end.

    `runs`: those of the unit. `strange`: indexes of the words that the source lacks. Two words on each side, or an end
    of the sentence, show that the sentence was copied there.
    """
    for at in strange:
        for before in range(max(0, at - _LONGEST), at):
            for after in range(at + 1, min(at + _LONGEST, len(sentence))):
                if (*sentence[max(0, before - 1) : before + 1], *sentence[after : after + 2]) in runs:
                    return True
    return bool(strange) and _goes_on(sentence, unit, strange[-1])


def _goes_on(sentence: Sequence[str], unit: Sequence[str], last_strange: int) -> bool:
    """Whether `sentence` has the last words of `unit` before its last strange word; the very last may be broken."""
    for end, least in ((len(unit), 1), (len(unit) - 1, 2)):
        tail = list(unit[max(0, end - 3) : end])
        if len(tail) < 2:
            continue
        for at in range(last_strange - least + 2 - len(tail)):
            if list(sentence[at : at + len(tail)]) == tail:
                return True
    return False
