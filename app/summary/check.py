"""Judges the sentences of a summary by their source: which of them stand.

First stage, by rules: figures by value, names by their words, polarity, direction, and how much of the sentence its
best supporting units say. Second stage, where the engine gives log probabilities: the odds that it answers "yes" rather
than "no" when it is asked whether the text states the sentence, added to what the rules found.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from app.summary.bounds import changes_bound
from app.summary.evidence import DEMONYM_PREFIX, Evidence
from app.summary.insertion import puts_in
from app.text import cues
from app.text.facts import Fact, find_facts
from app.text.language import all_stems, stems, words
from app.text.sentences import sentences

Reason = Literal[
    "not_a_sentence",
    "echo",
    "repeated",
    "about_the_text",
    "reference",
    "figure",
    "name",
    "polarity",
    "direction",
    "added",
    "support",
    "engine",
]

MIN_SUPPORT = 0.5
_OVERLAP_POWER = 8.3  # an overlap of 0.92 gives MIN_SUPPORT (benchmarks/factuality.py)
_MIN_OVERLAP = 0.4  # below it the engine is not asked either
_MIN_KNOWN = 0.4  # of the weight of a sentence's content words, that the source must have
_OWN_WORDS = 0.8  # of that weight: from here on a sentence is in the text's own words
_MOST_UNITS = 3
_FEWEST_WORDS = 3
_COPIED = 0.6  # of a unit's words: the sentence is a copy of it
_FEWEST_KNOWN = 3  # content words of the text, in a sentence in the model's own words


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the model's that stands, how well (0 to 1), and the units that it rests on, best first.

    `leans`: it goes on from the claim before it, without which it is not understood.
    """

    text: str
    support: float
    units: tuple[int, ...]
    leans: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sentence of the model's that is not in the result: the rule it broke, or that the source says it better."""

    text: str
    reason: Reason | Literal["outweighed"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a sentence.

    `support`: 0 to 1. `reason`: the rule that it breaks, None where it may stand. `overlap`: how far it has the text's
    words in the text's order, 0 to 1. `is_open`: whether no rule but that overlap is against it, so that a reader may
    still find it true.
    """

    support: float
    units: tuple[int, ...]
    reason: Reason | None
    overlap: float = 0.0
    is_open: bool = False


def judge(sentence: str, evidence: Evidence, min_support: float = MIN_SUPPORT) -> Judgement:
    """Whether `sentence` may stand beside its source, by rules alone."""
    weights = _weights(stems(sentence, evidence.document.language), evidence)
    units = _supporting(weights, evidence)
    around = _with_neighbours(units, len(evidence.document.units))
    known = _share_known(weights, evidence)
    overlap = _overlap(sentence, known, units, around, evidence)
    reason = _broken_rule(sentence, around, evidence)
    if reason is None and any(_adds(one, at, known, evidence) for one in _single(sentence) for at in units):
        reason = "added"
    if reason is None and (known < _MIN_KNOWN or _is_too_little(weights, known, evidence)):
        reason = "support"
    is_open = reason is None and overlap >= _MIN_OVERLAP
    support = 0.0 if reason else overlap**_OVERLAP_POWER if known >= _OWN_WORDS else (1 + known) / 2
    if reason is None and support < min_support:
        reason = "support"
    return Judgement(support, tuple(units), reason, overlap, is_open)


def _weights(found: Iterable[str], evidence: Evidence) -> dict[str, float]:
    """The weight of each content stem of a sentence: the rarer in the source, the more."""
    count, frequencies = len(evidence.document.units), evidence.document.frequencies
    return {
        stem: math.log(1 + (count - n + 0.5) / (n + 0.5)) for stem in dict.fromkeys(found) for n in (frequencies[stem],)
    }


def _share_known(weights: dict[str, float], evidence: Evidence) -> float:
    """The share of a sentence's content, by weight, that stands anywhere in the source."""
    total = sum(weights.values())
    return sum(weight for stem, weight in weights.items() if stem in evidence.places) / total if total else 0.0


def _supporting(weights: dict[str, float], evidence: Evidence) -> list[int]:
    """The units that together say most of a sentence, best first."""
    left = dict(weights)
    units: list[int] = []
    while len(units) < _MOST_UNITS:
        gains: dict[int, float] = {}
        for stem, weight in left.items():
            for at in evidence.places.get(stem, ()):
                gains[at] = gains.get(at, 0.0) + weight
        if not gains:
            break
        best = max(gains, key=lambda at: (gains[at], -at))
        units.append(best)
        left = {stem: weight for stem, weight in left.items() if best not in evidence.places.get(stem, ())}
    return units


def _with_neighbours(units: Iterable[int], count: int) -> list[int]:
    return sorted({near for at in units for near in (at - 1, at, at + 1) if 0 <= near < count})


def _overlap(sentence: str, known: float, units: Sequence[int], around: Sequence[int], evidence: Evidence) -> float:
    """How far a sentence has its units' words in their order, 0 to 1.

    A sentence in the text's own words should have them in the text's order: the mean of its longest common subsequence
    with one unit and of its pairs of words that its units have (ROUGE-L and ROUGE-2 precision, Lin 2004). About a
    sentence in the model's own words the order says nothing.
    """
    found = all_stems(sentence, evidence.document.language)
    pairs = list(pairwise(found))
    if not units or not pairs:
        return 0.0
    if known < _OWN_WORDS:
        return 1.0
    same_pairs = sum(any(pair in evidence.pairs[at] for at in around) for pair in pairs) / len(pairs)
    in_order = max(common_subsequence(found, evidence.sequences[at]) for at in units) / len(found)
    return (same_pairs + in_order) / 2


def _adds(sentence: str, at: int, known: float, evidence: Evidence) -> bool:
    """Whether a sentence copies a unit with words put in that the source lacks."""
    found, unit = all_stems(sentence, evidence.document.language), evidence.sequences[at]
    copied = common_subsequence(found, unit)
    if known < 1 and len(unit) * 2 > len(found) and copied == len(unit):
        return True
    if copied <= _COPIED * len(unit):
        return False
    strange = [number for number, word in enumerate(words(sentence)) if word not in evidence.words]
    return puts_in(found, unit, evidence.runs(at), strange)


def _is_too_little(weights: dict[str, float], known: float, evidence: Evidence) -> bool:
    """Whether a sentence in the model's own words has too few of the text's to be held to anything."""
    least = _FEWEST_KNOWN * (2 if evidence.document.language.is_unspaced else 1)
    return known < _OWN_WORDS and sum(stem in evidence.places for stem in weights) < least


def common_subsequence(one: Sequence[str], two: Sequence[str]) -> int:
    """The length of the longest common subsequence, by the bits of one number (Hyyrö 2004)."""
    masks: dict[str, int] = {}
    for at, word in enumerate(two):
        masks[word] = masks.get(word, 0) | 1 << at
    every = (1 << len(two)) - 1
    row = every
    for word in one:
        kept = row & masks.get(word, 0)
        row = (row + kept) | (row - kept)
    return len(two) - (row & every).bit_count()


def _broken_rule(sentence: str, around: Sequence[int], evidence: Evidence) -> Reason | None:
    """The first rule on figures, names, polarity or direction that a sentence breaks."""
    document, language = evidence.document, evidence.document.language
    near = frozenset(key for at in around for key in evidence.keys[at])
    facts = find_facts(sentence, language)
    figures = [fact for fact in facts if fact.kind != "name"]
    if not all(_is_stated(fact, evidence.all_keys) for fact in figures):
        return "figure"
    if figures and not any(_is_stated(fact, near) for fact in figures):
        return "figure"
    if changes_bound(sentence, figures, around, evidence):
        return "figure"
    if not all(_is_named(sentence[fact.start : fact.end], evidence) for fact in facts if fact.kind == "name"):
        return "name"
    if any(_loses_negation(one, around, evidence) for one in _single(sentence)):
        return "polarity"
    said = [document.text_of(at) for at in around]
    if cues.has("negation", sentence, language) and not any(cues.has("negation", one, language) for one in said):
        return "polarity"
    directions = cues.directions(sentence)
    there = frozenset(direction for one in said for direction in cues.directions(one))
    return "direction" if directions and there and not directions & there else None


def _single(sentence: str) -> list[str]:
    """The sentences of what may be more than one."""
    return [sentence[span.start : span.end] for span in sentences(sentence)]


def _loses_negation(sentence: str, around: Sequence[int], evidence: Evidence) -> bool:
    """Whether a sentence joins two words, or puts a function word between them, that a negation parts in its source."""
    language = evidence.document.language
    if cues.has("negation", sentence, language):
        return False
    found, stemmed = words(sentence), all_stems(sentence, language)
    joined = set(pairwise(stemmed))
    for at in range(1, len(found) - 1):
        if found[at] in language.function_words and not cues.is_negation(found, at, language):
            joined.add((stemmed[at - 1], stemmed[at + 1]))
    return any(joined & evidence.negated[at] - evidence.pairs[at] for at in around)


def _is_stated(fact: Fact, keys: frozenset[str]) -> bool:
    """Whether a figure, date or identifier is there by value; a number also where it is said with a unit."""
    if fact.key in keys:
        return True
    if fact.kind == "number" and ".." in fact.key:
        return all(end in keys for end in fact.key.split(".."))
    return False


def _is_named(name: str, evidence: Evidence) -> bool:
    """Whether the source has each word of a name that begins with a capital, or one of the same beginning."""
    for part in name.replace("-", " ").replace("’", "'").split():
        plain = part.removesuffix("'s").replace(".", "")
        if not plain[:1].isupper():
            continue
        found = words(plain)
        if all(word in evidence.words for word in found):
            continue
        if plain.isupper() or not (len(plain) > DEMONYM_PREFIX and plain.lower()[:DEMONYM_PREFIX] in evidence.prefixes):
            return False
    return True
