"""What a repair needs to know of its source alone, which can be found while the model still writes."""

from functools import cached_property

from app.capsule.analysis import CLOSEST, Source
from app.capsule.facts import Fact
from app.capsule.selection import Candidate, keys_of_segments, parts_of_names, segment_candidates, weights
from app.capsule.verification import Verifier, required

_WORDED = frozenset({"name", "quote", "setting", "negation", "condition"})


class Ground:
    """A source, what its facts are worth and what its segments would cost; each found when it is asked for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.verifier = Verifier(source)
        self._candidates: dict[int, list[Candidate]] = {}

    def explore(self) -> None:
        """Find all of what most repairs ask for."""
        self.verifier.read()
        _ = self.worded
        for closeness in range(CLOSEST):
            self.candidates(closeness)

    @cached_property
    def worth(self) -> dict[str, float]:
        """What each fact is worth, by its key."""
        return weights(self.source)

    @cached_property
    def worded(self) -> list[Fact]:
        """The required facts that a sentence states by having their words."""
        return [fact for fact in required(self.source.facts) if fact.kind in _WORDED]

    @cached_property
    def contained(self) -> dict[str, list[str]]:
        """The keys of the names that other names contain."""
        return parts_of_names(self.source.facts)

    @cached_property
    def stated(self) -> list[frozenset[str]]:
        """The facts of each segment."""
        return keys_of_segments(self.source, self.worth.keys(), self.contained)

    def candidates(self, closeness: int) -> list[Candidate]:
        """The segments, cut so close to their facts."""
        if closeness not in self._candidates:
            self._candidates[closeness] = segment_candidates(self.source, self.stated, closeness)
        return self._candidates[closeness]
