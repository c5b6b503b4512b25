"""What comes into a result with an item: all that it needs, and an exception that follows it."""

from collections.abc import Sequence

from app.summary.check import Claim
from app.text import cues
from app.text.blocks import PROSE
from app.text.document import Document


class Closures:
    """The closures of the items of a document: its units, then the claims."""

    def __init__(self, document: Document, claims: Sequence[Claim]) -> None:
        self._document = document
        self._claims = claims
        self._count = len(document.units)
        self._closures: dict[int, frozenset[int]] = {}

    def of(self, item: int) -> frozenset[int]:
        """The item with all that it needs, and with an exception that follows it."""
        closure = self._closures.get(item)
        if closure is None:
            closure = self._closures[item] = self._computed(item)
        return closure

    def _computed(self, item: int) -> frozenset[int]:
        members, open_items = {item}, [item]
        while open_items:
            for needed in self._needs(open_items.pop()):
                if needed not in members:
                    members.add(needed)
                    open_items.append(needed)
        return frozenset(members)

    def _needs(self, item: int) -> tuple[int, ...]:
        if item < self._count:
            return (*self._document.units[item].needs, *self._followers(item))
        return (item - 1,) if item > self._count and self._claims[item - self._count].leans else ()

    def _followers(self, at: int) -> tuple[int, ...]:
        """The next unit, if it takes something away from this one, answers it, or is what this one introduces."""
        document, units = self._document, self._document.units
        if at + 1 >= self._count or units[at].kind not in PROSE or units[at + 1].kind not in PROSE:
            return ()
        if units[at + 1].is_minor:
            return ()
        sentence = document.text_of(at).rstrip("\"'”’» \n")
        if sentence.endswith(("?", "？", "؟", ":", "：")):
            return (at + 1,)
        follows = units[at + 1].block == units[at].block
        following = document.text[units[at + 1].head : units[at + 1].end]
        return (at + 1,) if follows and cues.has("exception", following, document.language) else ()
