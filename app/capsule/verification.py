"""Hold what a model wrote against the source: its facts, its negations and conditions, and its words.

A sentence is supported where each of its facts stands in the source after normalising; where the facts of each clause
stand near each other in the source, in a clause of the same polarity (negated or not, under a condition or not); and
where its words are words of the source (`wording`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.capsule.analysis import Segment, Source
from app.capsule.clauses import clauses
from app.capsule.facts import Fact, keys_stated
from app.capsule.language import Language, guess_language
from app.capsule.polarity import directions
from app.capsule.scanner import find_facts
from app.capsule.values import uncounted
from app.capsule.wording import Wording, stems, word_sequence

_WINDOW = 2  # segments on either side in which the facts of one clause may stand, pronouns being what they are

_TELLING_CHARACTERS = 200  # of a sentence; the language of a shorter one is mostly its source's, whatever it looks like

_VALUES = frozenset({"number", "range", "date", "time", "identifier", "url", "email", "ip", "path"})


class Evidence:
    """What a text says, in a form in which a fact can be looked up: its fact keys and its words in order."""

    def __init__(self, text: str, facts: Iterable[Fact], words: str | None = None) -> None:
        """`facts`: those of `text`; `words`: its `word_sequence`, where that has been made already."""
        self.text = text
        self.keys = frozenset(key for fact in facts if fact.kind != "must_keep" for key in keys_stated(fact))
        self._words = words

    @property
    def words(self) -> str:
        """The words of the text in order, as `word_sequence` has them."""
        if self._words is None:
            self._words = word_sequence(self.text)
        return self._words

    def has(self, fact: Fact) -> bool:
        """Whether this text states `fact`.

        Figures, dates and identifiers count only in an equal normalised form, so that "13.2%" or a bare "3.2" never
        stands for "3.2%"; names, quoted strings and bound clauses count wherever their words follow each other; a
        must_keep string only to the letter.
        """
        if fact.kind == "must_keep":
            return fact.text in self.text
        if fact.key in self.keys:
            return True
        if fact.kind in _VALUES:
            return False
        words = word_sequence(fact.text)
        return (len(words) > 2 and words in self.words) or (len(words) <= 2 and fact.text in self.text)

    def supports(self, fact: Fact) -> bool:
        """Whether a model may state `fact` by this text: also a number that counts another word, or a range by ends."""
        if self.has(fact):
            return True
        if fact.kind == "range":
            return all(end in self.keys for end in uncounted(fact.key).split(".."))
        return fact.kind == "number" and uncounted(fact.key) in self.keys


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    """One fact for each key, the first, in order."""
    return list({(fact.kind == "must_keep", fact.key): fact for fact in reversed(list(facts))}.values())[::-1]


def required(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that must be kept or listed, each key once, in order."""
    return distinct(fact for fact in facts if fact.required)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with a sentence: facts that the source lacks or, where there are none, `reason`; else None."""

    invented: tuple[Fact, ...] = ()
    reason: str | None = None

    @property
    def is_supported(self) -> bool:
        """Whether the sentence may stand."""
        return not self.invented and self.reason is None


def _without_values(sentence: str, facts: Iterable[Fact]) -> str:
    """`sentence` without its figures, dates and addresses, which may be spelt in another way than the source's.

    What a figure counts is left: any word may stand there.
    """
    kept, reach = [], 0
    for fact in facts:
        if fact.kind in _VALUES and fact.start >= reach and fact.key == uncounted(fact.key):
            kept.append(sentence[reach : fact.start])
            reach = fact.end
    return " ".join([*kept, sentence[reach:]])


class Verifier:
    """Judges sentences by one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._wording = Wording(source.text)
        self.evidence = Evidence(source.text, source.facts, self._wording.sequence)
        self._readings: dict[str, tuple[Language, list[Fact]]] = {}

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """The segments in which each key is stated."""
        places: dict[str, list[int]] = defaultdict(list)
        index, segments = 0, self.source.segments
        for fact in self.source.facts:
            while index + 1 < len(segments) and segments[index].span.end <= fact.start:
                index += 1
            for key in keys_stated(fact):
                places[key].append(index)
        return places

    @cached_property
    def _segment_words(self) -> list[str]:
        return [word_sequence(self._said(segment)) for segment in self.source.segments]

    def read(self) -> None:
        """Read the source as far as judging any sentence needs it."""
        _ = self._places, self._segment_words

    def _said(self, segment: Segment) -> str:
        return self.source.text[segment.span.start : segment.span.end]

    def facts_of(self, sentence: str) -> list[Fact]:
        """The facts of a sentence that is held against the source."""
        return self._read(sentence)[1]

    def _read(self, sentence: str) -> tuple[Language, list[Fact]]:
        if sentence not in self._readings:
            language = guess_language(sentence)
            is_too_short = language.code not in ("zh", "ja") and len(sentence) < _TELLING_CHARACTERS
            if is_too_short and self.source.language.code:
                language = self.source.language
            self._readings[sentence] = language, find_facts(sentence, language)
        return self._readings[sentence]

    def judge(self, sentence: str) -> Judgement:
        """Whether `sentence` may stand beside the source."""
        language, facts = self._read(sentence)
        invented = tuple(fact for fact in facts if not self.evidence.supports(fact))
        if invented:
            return Judgement(invented)
        unchecked = _without_values(sentence, facts)
        if not self._wording.covers(sentence, unchecked):
            return Judgement(reason="words")
        for clause in clauses(sentence, facts, language):
            span = clause.span
            inside = [fact for fact in facts if span.start <= fact.start < span.end]
            places = list(self._support(inside))
            if places and not any(self._agrees(clause.is_negated, clause.is_conditional, at) for at in places):
                return Judgement(reason="polarity")
            said = sentence[span.start : span.end]
            if inside and not places:
                return Judgement(reason="combination")
            if places and not any(directions(said) <= directions(self._window(at)) for at in places):
                return Judgement(reason="direction")
        if not facts and not self._is_told(sentence, language.code):
            return Judgement(reason="polarity")
        if not self._wording.joins(sentence, unchecked):
            return Judgement(reason="words")
        return Judgement()

    def _support(self, facts: Sequence[Fact]) -> Iterator[int]:
        """The segments around which all of `facts` are stated."""
        if not facts:
            return
        values = [fact for fact in facts if fact.kind in _VALUES] or list(facts)
        stated = [self._segments_with(fact) for fact in facts]
        rarest = min((self._segments_with(fact) for fact in values), key=len)
        for at in sorted(rarest):
            around = range(at - _WINDOW, at + _WINDOW + 1)
            if all(not places.isdisjoint(around) or self._is_topic(places) for places in stated):
                yield at

    def _segments_with(self, fact: Fact) -> set[int]:
        places = set(self._places.get(fact.key, ())) | set(self._places.get(uncounted(fact.key), ()))
        if fact.kind == "range":
            places.update(*(self._places.get(end, ()) for end in uncounted(fact.key).split("..")))
        if fact.kind not in _VALUES:
            words = word_sequence(fact.text)
            places.update(at for at, said in enumerate(self._segment_words) if words in said)
        return places

    def _is_topic(self, places: set[int]) -> bool:
        """Whether what stands in these segments is what the text is about, so that it need not be said again."""
        return bool(places) and (min(places) < _WINDOW or len(places) > 2)

    def _agrees(self, is_negated: bool, is_conditional: bool, at: int) -> bool:
        segment = self.source.segments[at]
        return segment.is_negated == is_negated and segment.is_conditional == is_conditional

    def _window(self, at: int) -> str:
        segments = self.source.segments[max(0, at - 1) : at + 2]
        return self.source.text[segments[0].span.start : segments[-1].span.end]

    def _is_told(self, sentence: str, code: str) -> bool:
        """Whether the segment that shares most words with a sentence without facts has its polarity."""
        meant = stems(sentence)
        if not meant or not self.source.segments:
            return False
        nearest = max(self.source.segments, key=lambda segment: len(meant & stems(self._said(segment))))
        language = self.source.language if code else guess_language(sentence)
        return any(clause.is_negated for clause in clauses(sentence, (), language)) == nearest.is_negated
