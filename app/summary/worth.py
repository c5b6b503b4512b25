"""Scores how much the units of a document and the model's claims are worth to a reader.

Worth comes from the facts and central words that a unit states, its position, and its function (decides, forbids,
concludes). With a question, how well a unit answers it (BM25) counts most.

The weights were set by hand, so that results read well, and then by a search on one half of XQuAD's texts and of the
benchmark's corpus (benchmarks.answers, benchmarks.fidelity).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.summary.check import Claim
from app.summary.sentence import sentence_of
from app.text import cues
from app.text.blocks import PROSE
from app.text.cue_words import Cue
from app.text.document import Document
from app.text.facts import Fact
from app.text.language import share_in, stems
from app.text.tokens import estimate_tokens

_FACT_WORTH: Mapping[str, float] = {
    "url": 2.0, "email": 2.0, "path": 2.0, "identifier": 2.5, "date": 2.5, "time": 1.0, "number": 1.2, "name": 1.0,
}  # fmt: skip
_AMOUNT_WORTH = 2.5  # of a number with a unit or a currency
_SMALL_NUMBER_SHARE = 0.5  # of a number's worth, for one of few digits without a unit
_DIGITS = 3  # a whole number of at least so many digits is not small
_MENTION_WORTH = 0.3  # of a fact's worth, added each time the number of its mentions doubles
_STATEMENT_WORTH = 0.2  # of a unit without any figure or name
_OPENING_WORTH = 1.5  # of the first unit of a text
_PLACE_WORTH = 0.2  # of each token of a paragraph's first unit; less for each later one
_FULL_SENTENCE = 5  # content words and facts; a shorter sentence ("Now for the bad news.") gets less for its position
_PLACE_DECAY = 0.75
_PLACE_FLOOR = 0.3  # lower limit of that decay
_TOKEN_WORTH = 0.03
_CLOSING_WORTH = 0.7  # of the last unit of the last paragraph
_PART_WORTH = 3.0  # of a part of a form whose own worth is 1
_AGREEMENT_WORTH = 1.0
_CUE_WORTH: Mapping[Cue, float] = {"binding": 2.8, "conclusion": 1.4}
_WANTED_WORTH = 2.5  # of a request to an assistant, and of the answer to it
_WANTED_TOKEN_WORTH = 0.5  # of each token of it
_MINOR_SHARE = 0.05  # of its worth that a courtesy or a quotation of an earlier mail keeps
_HEADING_WORTH = 0.15
_CENTRAL_WORTH = 0.85  # of the most frequent word; other words in proportion to their frequency
_LOG_LEVELS = (("error", "fatal", "critical", "exception", "failed", "panic"), ("warn", "denied", "refused", "timeout"))
_QUESTION_WORTH = 8.0  # of each token of the best answer: far more than anything else
_CLAIM_SHARE = 0.9  # of that, for a claim: the text's own answer is preferred to the model's
_NEIGHBOUR_SHARE = 0.3  # of a unit's score for the question, which its neighbours get too
_QUESTION_POWER = 1.5  # above 1: weak answers count less
_TURN_SHARE = 0.5  # the same in a conversation, where a turn answers the one before it
_AGREEMENT_FACTOR = 1.5  # for a turn that agrees to something
_CAUSE_FACTOR = 1.3  # for a unit that names a cause, if the question asks why
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
_CLAIM_FACTOR = 1.4  # for stating it in one sentence


@dataclass(frozen=True, slots=True)
class Worth:
    """The worth of items: the units of a document, followed by the claims.

    `concepts`: the worth of each fact and stem, which counts once in a result. `concepts_of`: the concepts of each
    item. `own`: the worth of each item besides its concepts. `share`: the factor of each item's worth, below 1 for
    minor units only.
    """

    concepts: Mapping[str, float]
    concepts_of: Sequence[frozenset[str]]
    own: Sequence[float]
    share: Sequence[float]
    costs: Sequence[int]


def worth_of(document: Document, claims: Sequence[Claim], question: str | None) -> Worth:
    """The worth of each unit of a document and of each claim."""
    concepts = _concepts(document)
    sentences = [sentence_of(claim.text, document.language) for claim in claims]
    facts = [*document.facts, *(sentence.facts for sentence in sentences)]
    content = [*document.stems, *(sentence.content for sentence in sentences)]
    concepts_of = [
        frozenset(_keys(stated_facts, concepts)).union(stem for stem in words if stem in concepts)
        for stated_facts, words in zip(facts, content, strict=True)
    ]
    costs = [*document.costs, *(estimate_tokens(claim.text) for claim in claims)]
    answers = _answers(document, claims, question) if question else [0.0] * len(costs)
    count = len(document.units)
    own = [_own_worth(document, at) for at in range(count)]
    own += [
        _restated(claim, claim_stems, document, own) for claim, claim_stems in zip(claims, content[count:], strict=True)
    ]
    share = [_MINOR_SHARE if unit.is_minor and not answers[at] else 1.0 for at, unit in enumerate(document.units)]
    return Worth(
        concepts,
        concepts_of,
        [item + answer for item, answer in zip(own, answers, strict=True)],
        [*share, *([1.0] * len(claims))],
        costs,
    )


def _restated(claim: Claim, claim_stems: Iterable[str], document: Document, own: Sequence[float]) -> float:
    """The own worth of a claim: that of its supporting units, by the share of their content that it restates."""
    stem_list = list(claim_stems)
    return _CLAIM_FACTOR * sum(own[unit] * share_in(document.stems[unit], stem_list) for unit in claim.units)


def _keys(facts: Iterable[Fact], concepts: Mapping[str, float]) -> set[str]:
    return {key for fact in facts for key in map(_fact_concept, fact.keys_stated) if key in concepts}


def _fact_concept(key: str) -> str:
    return f"={key}"


def _concepts(document: Document) -> dict[str, float]:
    """The worth of each fact, and of each stem that occurs in several units."""
    facts = [fact for unit_facts in document.facts for fact in unit_facts]
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
    return frozenset(concept for item_concepts in concepts for concept in item_concepts if concept.startswith("="))


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
    text = document.text_of(at)
    if unit.kind not in PROSE:
        return _STATEMENT_WORTH + _level(text) if unit.kind == "log" else _STATEMENT_WORTH
    worth = _STATEMENT_WORTH
    if unit.kind == "prose":
        worth += _place_worth(document, at)
    if document.is_wanted(at):
        worth += _WANTED_WORTH + _WANTED_TOKEN_WORTH * document.costs[at]
        return worth + cues.weight(_CUE_WORTH, text, document.language)
    if text.rstrip().endswith(("?", "？")):
        return worth * 0.5
    if unit.kind == "chat" and cues.has("agreement", document.text[unit.head : unit.end], document.language):
        worth += _AGREEMENT_WORTH
    return worth + cues.weight(_CUE_WORTH, text, document.language)


def _level(line: str) -> float:
    lowered = line.lower()
    return next((3.0 - rank for rank, words in enumerate(_LOG_LEVELS) if any(word in lowered for word in words)), 0.0)


def _place_worth(document: Document, at: int) -> float:
    unit = document.units[at]
    is_last = at + 1 == len(document.units)
    content_words = len(document.stems[at]) + len(document.facts[at])
    content = document.costs[at] * min(1.0, content_words / _FULL_SENTENCE)
    worth = content * (_PLACE_WORTH * max(_PLACE_FLOOR, _PLACE_DECAY**unit.place) + _TOKEN_WORTH)
    if at == document.opening:
        return worth + _OPENING_WORTH
    return worth + (_CLOSING_WORTH if is_last else 0.0)


def _answers(document: Document, claims: Sequence[Claim], question: str) -> list[float]:
    """The worth of each unit and each claim as an answer to `question`; the best unit gets _QUESTION_WORTH a token.

    Units are scored by BM25 and a share of their neighbours' scores. Claims were written to answer the question.
    """
    language = document.language
    speakers = {stem for unit in document.units for stem in stems(document.text[unit.start : unit.head], language)}
    question_stems = [stem for stem in stems(question, language) if stem not in speakers]
    scores = bm25(document.stems, question_stems, document.frequencies)
    if _asks_why(question):
        scores = _raised(scores, "cause", _CAUSE_FACTOR, document)
    beside = [max(before, after) for before, after in zip([0.0, *scores], [*scores[1:], 0.0], strict=False)][
        : len(scores)
    ]
    if "chat" in document.structure:
        scores = [max(score, _TURN_SHARE * near) for score, near in zip(scores, beside, strict=True)]
        # Agreements and later turns give the current state of a matter.
        scores = _raised(scores, "agreement", _AGREEMENT_FACTOR, document)
        scores = [score * (1 + at / len(scores)) for at, score in enumerate(scores)]
    else:
        scores = [max(score, _NEIGHBOUR_SHARE * near) for score, near in zip(scores, beside, strict=True)]
    best = max(scores, default=0.0) or 1.0
    shares = ((score / best) ** _QUESTION_POWER for score in scores)
    worth = [_QUESTION_WORTH * share * cost for share, cost in zip(shares, document.costs, strict=True)]
    return worth + [_CLAIM_SHARE * _QUESTION_WORTH * estimate_tokens(claim.text) for claim in claims]


def _raised(scores: Sequence[float], cue: Cue, factor: float, document: Document) -> list[float]:
    """The scores; those of units with the cue are multiplied by `factor`."""
    scored = ((score, document.text[unit.head : unit.end]) for score, unit in zip(scores, document.units, strict=True))
    return [score * factor if score and cues.has(cue, text, document.language) else score for score, text in scored]


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
    weights = {
        stem: math.log(1 + (count - n + 0.5) / (n + 0.5)) for stem in set(query) if (n := frequencies.get(stem, 0))
    }
    scores = []
    for document in documents:
        norm = k1 * (1 - b + b * len(document) / (mean or 1.0))
        tf = Counter(stem for stem in document if stem in weights)
        scores.append(sum(weights[stem] * n * (k1 + 1) / (n + norm) for stem, n in tf.items()))
    return scores
