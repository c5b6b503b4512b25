"""Tells a copy of a sentence with something put in: what a text that commands the model wants to be written.

A model's own words may replace the text's, but not stand among words that it has copied: nothing in the source says how
the one belongs to the other.
"""

from collections.abc import Sequence

_LONGEST = 16  # words put in at one place

Run = tuple[str | None, ...]


def runs_of(unit: Sequence[str]) -> frozenset[Run]:
    """The runs of three and of four words of a unit; None stands for its beginning and its end."""
    padded = [None, *unit, None]
    triples = zip(unit, unit[1:], unit[2:], strict=False)
    return frozenset((*triples, *zip(padded, padded[1:], padded[2:], padded[3:], strict=False)))


def puts_in(found: Sequence[str], unit: Sequence[str], runs: frozenset[Run], strange: Sequence[int]) -> bool:
    """Whether a strange word of `found` stands between two neighbours of `unit`, or goes on behind its end.

    `runs` are those of the unit, `strange` the numbers of the words that its text lacks. Two words on each side, or an
    end of the sentence, show that it was copied there.
    """
    last = len(found) - 1
    for at in strange:
        for before in range(max(0, at - _LONGEST), at):
            for after in range(at + 1, min(at + _LONGEST, len(found))):
                copied: Run = (*found[max(0, before - 1) : before + 1], *found[after : after + 2])
                is_at_end = before == 0 or after == last
                if copied in runs and (len(copied) == 4 or is_at_end):
                    return True
                if before == 0 and after == last and (None, *copied, None) in runs:
                    return True
    return bool(strange) and _goes_on(found, unit, strange[-1])


def _goes_on(found: Sequence[str], unit: Sequence[str], last_strange: int) -> bool:
    """Whether the last words of `unit` stand in `found` before its last strange word; the very last may be broken."""
    for end, least in ((len(unit), 1), (len(unit) - 1, 2)):
        tail = list(unit[max(0, end - 3) : end])
        if len(tail) < 2:
            continue
        for at in range(last_strange - least + 2 - len(tail)):
            if list(found[at : at + len(tail)]) == tail:
                return True
    return False
