"""What the parts of a document and the model's claims are worth to a reader.

Worth is that of the facts and the central words that are said, of the unit's place, and of what it does (decides,
forbids, concludes). With a question, how well a unit answers it (BM25) comes first.

The weights were set by hand, so that results read well, and then by a search on one half of XQuAD's texts and of the
benchmark's corpus (benchmarks.answers, benchmarks.fidelity).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.summary.check import Claim
from app.text import cues
from app.text.blocks import PROSE
from app.text.document import Document
from app.text.facts import Fact, find_facts
from app.text.language import share_in, stems
from app.text.tokens import estimate_tokens

_FACT_WORTH: Mapping[str, float] = {
    "url": 2.0, "email": 2.0, "path": 2.0, "identifier": 2.5, "date": 2.5, "time": 1.0, "number": 1.2, "name": 1.0,
}  # fmt: skip
_AMOUNT_WORTH = 2.5  # of a number with a unit or a currency
_SMALL_NUMBER_SHARE = 0.5  # of a number's worth that a bare one of few digits has
_DIGITS = 3  # of a whole number, from which on it is not small
_MENTION_WORTH = 0.3  # of a fact's worth, for each doubling of how often the text states it
_STATEMENT_WORTH = 0.2  # of a unit without any figure or name
_OPENING_WORTH = 1.5  # of the first unit of a text
_PLACE_WORTH = 0.2  # of each token of a paragraph's first unit; less for each later one
_FULL_SENTENCE = 5  # content words and facts; a shorter one, such as "Now for the bad news.", counts less by its place
_PLACE_DECAY = 0.75
_PLACE_FLOOR = 0.3  # of that decay
_TOKEN_WORTH = 0.03
_CLOSING_WORTH = 0.7  # of the last unit of the last paragraph
_PART_WORTH = 3.0  # of a part of a form whose own worth is 1
_AGREEMENT_WORTH = 1.0
_CUE_WORTH: Mapping[cues.Cue, float] = {"binding": 2.8, "conclusion": 1.4}
_WANTED_WORTH = 2.5  # of what the user of an assistant asks for, and of the answer
_WANTED_TOKEN_WORTH = 0.5  # of each token of it
_MINOR_SHARE = 0.05  # of its worth that a courtesy or a quotation of an earlier mail keeps
_HEADING_WORTH = 0.15
_CENTRAL_WORTH = 0.85  # of all words of a unit, were each as frequent as the most frequent one
_LOG_LEVELS = (("error", "fatal", "critical", "exception", "failed", "panic"), ("warn", "denied", "refused", "timeout"))
_QUESTION_WORTH = 8.0  # of each token of the best answer, beside which all else is small
_CLAIM_SHARE = 0.9  # of that for a claim: the text's own answer comes before the model's
_NEIGHBOUR_SHARE = 0.3  # of a unit's score for the question that the units beside it have as well
_QUESTION_POWER = 1.5  # above 1, weak answers count for less
_TURN_SHARE = 0.5  # the same in a conversation, where a turn answers the one before it
_AGREEMENT_FACTOR = 1.5  # for a turn that agrees to something
_CAUSE_FACTOR = 1.3  # for a unit that names a cause, where the question asks why
_WHY = (
    "why",
    "warum",
    "weshalb",
    "wieso",
    "pourquoi",
    "por qué",
    "perché",
    "por que",
    "waarom",
    "почему",
    "为什么",
    "なぜ",
)
_CLAIM_FACTOR = 1.4  # for saying it in one sentence of its own


@dataclass(frozen=True, slots=True)
class Worth:
    """What items (the units of a document, then claims) are worth.

    `concepts`: facts and stems, each worth something once; `concepts_of` an item. `own`: of an item by itself. `share`:
    what counts of an item's worth, 1 but for minor units.
    """

    concepts: Mapping[str, float]
    concepts_of: Sequence[frozenset[str]]
    own: Sequence[float]
    share: Sequence[float]
    costs: Sequence[int]


def worth_of(document: Document, claims: Sequence[Claim], question: str | None) -> Worth:
    """What each unit of a document and each claim says, and how much that is worth."""
    concepts = _concepts(document)
    facts = [*document.facts, *(find_facts(claim.text, document.language) for claim in claims)]
    content = [*document.stems, *(stems(claim.text, document.language) for claim in claims)]
    concepts_of = [
        frozenset(_keys(found, concepts)).union(stem for stem in words if stem in concepts)
        for found, words in zip(facts, content, strict=True)
    ]
    costs = [*document.costs, *(estimate_tokens(claim.text) for claim in claims)]
    answers = _answers(document, claims, question) if question else [0.0] * len(costs)
    count = len(document.units)
    own = [_own_worth(document, at) for at in range(count)]
    own += [_restated(claim, said, document, own) for claim, said in zip(claims, content[count:], strict=True)]
    share = [_MINOR_SHARE if unit.is_minor and not answers[at] else 1.0 for at, unit in enumerate(document.units)]
    return Worth(
        concepts,
        concepts_of,
        [one + two for one, two in zip(own, answers, strict=True)],
        [*share, *([1.0] * len(claims))],
        costs,
    )


def _restated(claim: Claim, said: Iterable[str], document: Document, own: Sequence[float]) -> float:
    """What a claim is worth by itself: that of the units that it rests on, as far as it says what they say."""
    stated = list(said)
    return _CLAIM_FACTOR * sum(own[unit] * share_in(document.stems[unit], stated) for unit in claim.units)


def _keys(facts: Iterable[Fact], concepts: Mapping[str, float]) -> set[str]:
    return {key for fact in facts for key in map(_fact_concept, fact.keys_stated) if key in concepts}


def _fact_concept(key: str) -> str:
    return f"={key}"


def _concepts(document: Document) -> dict[str, float]:
    """The worth of each fact and of each stem that several units have."""
    facts = [fact for found in document.facts for fact in found]
    mentions = Counter(fact.key for fact in facts)
    concepts = {}
    for fact in facts:
        often = 1 + _MENTION_WORTH * math.log2(min(mentions[fact.key], 4))
        concepts[_fact_concept(fact.key)] = _fact_worth(fact) * often
    frequencies = document.frequencies
    most = max(frequencies.values(), default=1)
    for stem, count in frequencies.items():
        if count > 1 and (len(stem) > 2 or not stem.isascii()):
            concepts[stem] = _CENTRAL_WORTH * count / most
    return concepts


def facts_among(concepts: Iterable[frozenset[str]]) -> frozenset[str]:
    """The facts among concepts."""
    return frozenset(concept for found in concepts for concept in found if concept.startswith("="))


def _fact_worth(fact: Fact) -> float:
    if fact.kind != "number":
        return _FACT_WORTH[fact.kind]
    if " " in fact.key:
        return _AMOUNT_WORTH
    mantissa, _, exponent = fact.key.partition("..")[0].strip("-").partition("e")
    is_small = exponent.lstrip("-").isdigit() and len(mantissa) + int(exponent) < _DIGITS
    return _FACT_WORTH["number"] * (_SMALL_NUMBER_SHARE if is_small else 1.0)


def _own_worth(document: Document, at: int) -> float:
    unit = document.units[at]
    if unit.kind == "heading":
        return _HEADING_WORTH
    if unit.part is not None:
        return _STATEMENT_WORTH + _PART_WORTH * unit.part.worth
    said = document.text_of(at)
    if unit.kind not in PROSE:
        return _STATEMENT_WORTH + _level(said) if unit.kind == "log" else _STATEMENT_WORTH
    worth = _STATEMENT_WORTH
    if unit.kind == "prose":
        worth += _place_worth(document, at)
    if document.is_wanted(at):
        worth += _WANTED_WORTH + _WANTED_TOKEN_WORTH * document.costs[at]
        return worth + cues.weight(_CUE_WORTH, said, document.language)
    if said.rstrip().endswith(("?", "？")):
        return worth * 0.5
    if unit.kind == "chat" and cues.has("agreement", document.text[unit.head : unit.end], document.language):
        worth += _AGREEMENT_WORTH
    return worth + cues.weight(_CUE_WORTH, said, document.language)


def _level(line: str) -> float:
    lowered = line.lower()
    return next((3.0 - rank for rank, words in enumerate(_LOG_LEVELS) if any(word in lowered for word in words)), 0.0)


def _place_worth(document: Document, at: int) -> float:
    unit = document.units[at]
    is_last = at + 1 == len(document.units)
    said = len(document.stems[at]) + len(document.facts[at])
    content = document.costs[at] * min(1.0, said / _FULL_SENTENCE)
    worth = content * (_PLACE_WORTH * max(_PLACE_FLOOR, _PLACE_DECAY**unit.place) + _TOKEN_WORTH)
    if at == document.opening:
        return worth + _OPENING_WORTH
    return worth + (_CLOSING_WORTH if is_last else 0.0)


def _answers(document: Document, claims: Sequence[Claim], question: str) -> list[float]:
    """How well each unit and each claim answers `question`, the best unit with _QUESTION_WORTH a token.

    BM25, and a share of the neighbours' scores. A claim answers it by having been written for that.
    """
    language = document.language
    speakers = {stem for unit in document.units for stem in stems(document.text[unit.start : unit.head], language)}
    asked = [stem for stem in stems(question, language) if stem not in speakers]
    scores = bm25(document.stems, asked, document.frequencies)
    if _asks_why(question):
        scores = _raised(scores, "cause", _CAUSE_FACTOR, document)
    beside = [max(one, two) for one, two in zip([0.0, *scores], [*scores[1:], 0.0], strict=False)][: len(scores)]
    if "chat" in document.structure:
        scores = [max(score, _TURN_SHARE * near) for score, near in zip(scores, beside, strict=True)]
        # What was agreed, and what was said last about a matter, is how it stands.
        scores = _raised(scores, "agreement", _AGREEMENT_FACTOR, document)
        scores = [score * (1 + at / len(scores)) for at, score in enumerate(scores)]
    else:
        scores = [max(score, _NEIGHBOUR_SHARE * near) for score, near in zip(scores, beside, strict=True)]
    best = max(scores, default=0.0) or 1.0
    shares = ((score / best) ** _QUESTION_POWER for score in scores)
    worth = [_QUESTION_WORTH * share * cost for share, cost in zip(shares, document.costs, strict=True)]
    return worth + [_CLAIM_SHARE * _QUESTION_WORTH * estimate_tokens(claim.text) for claim in claims]


def _raised(scores: Sequence[float], cue: cues.Cue, factor: float, document: Document) -> list[float]:
    """The scores, those of units with the cue multiplied by `factor`."""
    said = ((score, document.text[unit.head : unit.end]) for score, unit in zip(scores, document.units, strict=True))
    return [score * factor if score and cues.has(cue, text, document.language) else score for score, text in said]


def _asks_why(question: str) -> bool:
    return question.lower().lstrip("¿ ").startswith(_WHY)


def bm25(
    documents: Sequence[Sequence[str]],
    query: Iterable[str],
    frequencies: Mapping[str, int],
    k1: float = 1.2,
    b: float = 0.75,
) -> list[float]:
    """The scores of documents, given as stems, for the stems of a query (Robertson and Zaragoza 2009)."""
    count = len(documents)
    mean = sum(map(len, documents)) / count if count else 1.0
    asked = {
        stem: math.log(1 + (count - n + 0.5) / (n + 0.5)) for stem in set(query) if (n := frequencies.get(stem, 0))
    }
    scores = []
    for found in documents:
        norm = k1 * (1 - b + b * len(found) / (mean or 1.0))
        tf = Counter(stem for stem in found if stem in asked)
        scores.append(sum(asked[stem] * n * (k1 + 1) / (n + norm) for stem, n in tf.items()))
    return scores
