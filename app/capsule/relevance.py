"""Which segments of a source answer a question."""

from collections import Counter

import regex

from app.capsule.analysis import Source
from app.capsule.wording import stems

# What a question asks for, by its words in English, German, French, Spanish, Chinese and Japanese.
_ASKED = {
    "number": regex.compile(
        r"(?i)\b(?:how (?:many|much|long|far|old|large|big|high|often)|wie ?(?:viele?|hoch|lange|groß|oft)|combien|cuánt[oa]s?"
        r"|percentage|price|cost|amount|number)\b|多少|几|幾|何(?:件|人|円|社|パーセント)|いくら|どのくらい"
    ),
    "date": regex.compile(
        r"(?i)\b(?:when|what (?:date|day|year)|which (?:date|day|year)|wann|quand|cuándo|date)\b|何时|什么时候|いつ|哪天"
    ),
    "time": regex.compile(
        r"(?i)\b(?:when|what time|at which time|wann|uhr|quand|heure|cuándo|hora)\b|几点|何時|什么时候|いつ"
    ),
    "name": regex.compile(
        r"(?i)\b(?:who|whom|whose|where|which|wer|wen|wem|wo|woher|wohin|welche\w*|qui|où|quel\w*|quién\w*|dónde|cuál)\b|谁|哪|誰|どこ|どの"
    ),
}
_SAME_WISH = {"range": "number"}
_ANSWERS_BONUS = 0.5  # of a segment's worth, for a fact of the kind that is asked for


def relevance(source: Source, question: str) -> list[float]:
    """For each segment of `source`, how well it answers `question`, 0 or more.

    Words that the question shares with a segment count by how rare they are in the source (inverse document
    frequency), those shared with the segments beside it a half; a fact of the kind that is asked for raises that.
    """
    asked = stems(question)
    text = source.text
    shared = [asked & stems(text[one.span.start : one.span.end]) for one in source.segments]
    frequency = Counter(word for words in shared for word in words)
    rarity = {word: 1 / count for word, count in frequency.items()}
    own = [sum(rarity[word] for word in words) for words in shared]
    wished = {kind for kind, pattern in _ASKED.items() if pattern.search(question)}
    kinds = _kinds(source)
    scores = []
    for at, worth in enumerate(own):
        near = max(own[max(0, at - 1) : at] + own[at + 1 : at + 2], default=0.0)
        total = worth + near / 2
        scores.append(total * (1 + _ANSWERS_BONUS) if wished & kinds[at] else total)
    return scores


def _kinds(source: Source) -> list[set[str]]:
    kinds: list[set[str]] = [set() for _ in source.segments]
    index, segments = 0, source.segments
    for fact in source.facts:
        while index + 1 < len(segments) and segments[index].span.end <= fact.start:
            index += 1
        if kinds:
            kinds[index].add(_SAME_WISH.get(fact.kind, fact.kind))
    return kinds
