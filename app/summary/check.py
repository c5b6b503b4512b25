"""Judges which sentences of a summary its source supports.

First stage, rules: figures by value, names by their words, polarity, direction, and how much of the sentence its best
supporting units state. Second stage, if the engine returns log probabilities: the odds that it answers "yes" rather
than "no" to the question whether the text states the sentence, combined with the rules' result.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.summary.bounds import changes_bound
from app.summary.evidence import DEMONYM_PREFIX, Evidence
from app.summary.insertion import has_insertion
from app.summary.sentence import Sentence, sentence_of
from app.text import cues
from app.text.facts import Fact
from app.text.language import words

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
_MIN_OVERLAP = 0.4  # below it the sentence fails without the second stage
_MIN_KNOWN = 0.4  # of the weight of a sentence's content words: the share that the source must have
_OWN_WORDS = 0.8  # of that weight: from here on a sentence uses the text's own words
_MOST_UNITS = 3
_FEWEST_WORDS = 3
_COPIED = 0.6  # of a unit's words: a sentence with more of them is a copy of the unit
_FEWEST_KNOWN = 3  # content words of the text, in a sentence in the model's own words


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the model that passed the check, its support (0 to 1), and its supporting units, best first.

    `leans`: it refers to the claim before it and is not understood without that.
    """

    text: str
    support: float
    units: tuple[int, ...]
    leans: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sentence of the model that is not in the result. "outweighed": units of the source took its place."""

    text: str
    reason: Reason | Literal["outweighed"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of the rules for a sentence.

    `support`: 0 to 1. `reason`: the rule that the sentence breaks, None if it passes. `overlap`: how far it has the
    text's words in the text's order, 0 to 1. `is_open`: whether the second stage decides: at most its overlap speaks
    against the sentence, which is not a copy of one in the text.
    """

    support: float
    units: tuple[int, ...]
    reason: Reason | None
    overlap: float = 0.0
    is_open: bool = False


def judge(sentence: str, evidence: Evidence, min_support: float = MIN_SUPPORT) -> Judgement:
    """Judge `sentence` by the rules alone."""
    features = sentence_of(sentence, evidence.document.language)
    weights = _weights(features.content, evidence)
    units = _supporting(weights, evidence)
    around = _with_neighbours(units, len(evidence.document.units))
    known_share = _share_known(weights, evidence)
    overlap = _overlap(features, known_share, units, around, evidence)
    reason = _broken_rule(features, around, evidence)
    if reason is None and any(_adds(single, at, known_share, evidence) for single in features.single for at in units):
        reason = "added"
    if reason is None and (known_share < _MIN_KNOWN or _is_too_little(weights, known_share, evidence)):
        reason = "support"
    is_open = reason is None and overlap >= _MIN_OVERLAP and not _is_copy(features, units, evidence)
    support = 0.0 if reason else overlap**_OVERLAP_POWER if known_share >= _OWN_WORDS else (1 + known_share) / 2
    if reason is None and support < min_support:
        reason = "support"
    return Judgement(support, tuple(units), reason, overlap, is_open)


def _is_copy(sentence: Sentence, units: Iterable[int], evidence: Evidence) -> bool:
    """Whether a sentence is one of the units, word for word."""
    return any(evidence.unit(at).words == sentence.words for at in units)


def _weights(stems_in: Iterable[str], evidence: Evidence) -> dict[str, float]:
    """The weight of each content stem of a sentence: its inverse document frequency over the source's units."""
    count, frequencies = len(evidence.document.units), evidence.document.frequencies
    return {
        stem: math.log(1 + (count - n + 0.5) / (n + 0.5))
        for stem in dict.fromkeys(stems_in)
        for n in (frequencies[stem],)
    }


def _share_known(weights: dict[str, float], evidence: Evidence) -> float:
    """The share of a sentence's content, by weight, that occurs anywhere in the source."""
    total = sum(weights.values())
    return sum(weight for stem, weight in weights.items() if stem in evidence.places) / total if total else 0.0


def _supporting(weights: dict[str, float], evidence: Evidence) -> list[int]:
    """The units that together cover most of a sentence, best first."""
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


def _overlap(
    sentence: Sentence, known_share: float, units: Sequence[int], around: Sequence[int], evidence: Evidence
) -> float:
    """How far a sentence has its units' words in their order, 0 to 1.

    A sentence in the text's own words should have them in the text's order: the mean of its longest common subsequence
    with one unit and of its pairs of words that its units have (ROUGE-L and ROUGE-2 precision, Lin 2004). For a
    sentence in the model's own words the order is no evidence.
    """
    pairs, sequence = sentence.pairs, sentence.sequence
    if not units or not pairs:
        return 0.0
    if known_share < _OWN_WORDS:
        return 1.0
    source_pairs = frozenset[tuple[str, str]]().union(*(evidence.unit(at).pairs for at in around))
    same_pairs = sum(map(source_pairs.__contains__, pairs)) / len(pairs)
    in_order = max(common_subsequence(sequence, evidence.unit(at).sequence) for at in units) / len(sequence)
    return (same_pairs + in_order) / 2


def _adds(sentence: Sentence, at: int, known_share: float, evidence: Evidence) -> bool:
    """Whether a sentence copies a unit and inserts words that the source lacks."""
    unit = evidence.unit(at).sequence
    copied = common_subsequence(sentence.sequence, unit)
    if known_share < 1 and len(unit) * 2 > len(sentence.sequence) and copied == len(unit):
        return True
    if copied <= _COPIED * len(unit):
        return False
    strange = [number for number, word in enumerate(sentence.words) if word not in evidence.words]
    return has_insertion(sentence.sequence, unit, evidence.unit(at).runs, strange)


def _is_too_little(weights: dict[str, float], known_share: float, evidence: Evidence) -> bool:
    """Whether a sentence in the model's own words has too few of the text's words to be judged by them."""
    least = _FEWEST_KNOWN * (2 if evidence.document.language.is_unspaced else 1)
    return known_share < _OWN_WORDS and sum(stem in evidence.places for stem in weights) < least


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, bit-parallel (Hyyrö 2004)."""
    masks: dict[str, int] = {}
    for at, word in enumerate(second):
        masks[word] = masks.get(word, 0) | 1 << at
    every = (1 << len(second)) - 1
    row = every
    for word in first:
        kept = row & masks.get(word, 0)
        row = (row + kept) | (row - kept)
    return len(second) - (row & every).bit_count()


def _broken_rule(sentence: Sentence, around: Sequence[int], evidence: Evidence) -> Reason | None:
    """The first rule on figures, names, polarity or direction that a sentence breaks."""
    document, language = evidence.document, sentence.language
    near_keys = frozenset(key for at in around for key in evidence.unit(at).keys)
    text = sentence.text
    figures = [fact for fact in sentence.facts if fact.kind != "name"]
    if not all(_is_stated(fact, evidence.all_keys) for fact in figures):
        return "figure"
    if figures and not any(_is_stated(fact, near_keys) for fact in figures):
        return "figure"
    if changes_bound(text, figures, around, evidence):
        return "figure"
    if not all(_is_named(text[fact.start : fact.end], evidence) for fact in sentence.facts if fact.kind == "name"):
        return "name"
    if any(_loses_negation(single, around, evidence) for single in sentence.single):
        return "polarity"
    source = [document.text_of(at) for at in around]
    if cues.has("negation", text, language) and not any(cues.has("negation", near, language) for near in source):
        return "polarity"
    directions = cues.directions(text)
    if not directions:
        return None
    source_directions = frozenset(direction for near in source for direction in cues.directions(near))
    return "direction" if source_directions and not directions & source_directions else None


def _loses_negation(sentence: Sentence, around: Sequence[int], evidence: Evidence) -> bool:
    """Whether a sentence drops a negation between two words of the source, or puts a function word in its place."""
    language = evidence.document.language
    if cues.has("negation", sentence.text, language):
        return False
    tokens, stemmed = sentence.words, sentence.sequence
    joined = set(sentence.pairs)
    for at in range(1, len(tokens) - 1):
        if tokens[at] in language.function_words and not cues.is_negation(tokens, at, language):
            joined.add((stemmed[at - 1], stemmed[at + 1]))
    if any(joined & evidence.unit(at).negated - evidence.unit(at).pairs for at in around):
        return True
    return _loses_negation_at_end(stemmed, around, evidence)


def _loses_negation_at_end(stemmed: Sequence[str], around: Sequence[int], evidence: Evidence) -> bool:
    """Whether a sentence begins or ends as a unit does, but without its negation or with another word in its place."""
    units = [evidence.unit(at) for at in around]
    sequences = [unit.sequence for unit in units]
    backwards = [sequence[::-1] for sequence in sequences]
    return any(
        _begins_without_negation(stemmed, after, sequences)
        or _begins_without_negation(stemmed[::-1], before[::-1], backwards)
        for after, before in (unit.negated_ends for unit in units)
    )


def _begins_without_negation(stemmed: Sequence[str], after: Sequence[str], sequences: Sequence[Sequence[str]]) -> bool:
    """Whether a sentence begins with the stems that follow a unit's negation, and none of the units begins as it does.

    At most one other word may stand before them.
    """
    count = len(after)
    is_same = count > 1 and after in (stemmed[:count], stemmed[1 : count + 1])
    return is_same and not any(sequence[: count + 1] == stemmed[: count + 1] for sequence in sequences)


def _is_stated(fact: Fact, keys: frozenset[str]) -> bool:
    """Whether `keys` has a figure, date or identifier by value; for a range, both of its ends suffice."""
    if fact.key in keys:
        return True
    if fact.kind == "number" and ".." in fact.key:
        return all(end in keys for end in fact.key.split(".."))
    return False


def _is_named(name: str, evidence: Evidence) -> bool:
    """Whether the source has each capitalised word of a name, or a word with the same beginning."""
    for part in name.replace("-", " ").replace("’", "'").split():
        plain = part.removesuffix("'s").replace(".", "")
        if not plain[:1].isupper():
            continue
        parts = words(plain)
        if all(word in evidence.words for word in parts):
            continue
        if plain.isupper() or not (len(plain) > DEMONYM_PREFIX and plain.lower()[:DEMONYM_PREFIX] in evidence.prefixes):
            return False
    return True
