"""Put one wrong fact of a sentence right, where the source leaves no choice."""

from difflib import SequenceMatcher

from app.capsule.facts import Fact
from app.capsule.values import unit_in
from app.capsule.verification import Judgement, Verifier
from app.capsule.wording import stems

_LIKENESS = 0.8  # of two spellings of a name, by difflib's ratio: one or two letters in a word of eight
_SHARED_WORDS = 0.7  # of a sentence's words of meaning that its source sentence must have for a figure to be certain


def corrected(verifier: Verifier, sentence: str, judgement: Judgement) -> str | None:
    """`sentence` with its one invented fact replaced by the source's, None where that is not certain.

    Certain is: a name that resembles just one name of the source; or a figure of whose kind and unit the one segment
    that shares the sentence's words has just one.
    """
    if len(judgement.invented) != 1:
        return None
    (wrong,) = judgement.invented
    options = _names_like(verifier, wrong) if wrong.kind == "name" else _figures_for(verifier, sentence, wrong)
    if len(options) != 1:
        return None
    (right,) = options.values()
    return sentence[: wrong.start] + right.text + sentence[wrong.end :]


def _names_like(verifier: Verifier, wrong: Fact) -> dict[str, Fact]:
    found = {}
    for fact in verifier.source.facts:
        is_as_long = fact.kind == "name" and len(fact.key.split()) == len(wrong.key.split())
        if is_as_long and SequenceMatcher(None, fact.key, wrong.key).ratio() >= _LIKENESS:
            found[fact.key] = fact
    return found


def _figures_for(verifier: Verifier, sentence: str, wrong: Fact) -> dict[str, Fact]:
    if wrong.kind not in ("number", "date", "time"):
        return {}
    source = verifier.source
    meant = stems(sentence)
    likely = [
        segment.span
        for segment in source.segments
        if len(meant & stems(source.text[segment.span.start : segment.span.end])) >= _SHARED_WORDS * len(meant) > 0
    ]
    if len(likely) != 1:
        return {}
    (span,) = likely
    unit = unit_in(wrong.key)
    return {
        fact.key: fact
        for fact in source.facts
        if span.start <= fact.start < span.end and fact.kind == wrong.kind and unit_in(fact.key) == unit
    }
