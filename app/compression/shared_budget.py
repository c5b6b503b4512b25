"""One budget for the texts of a conversation: the dialogue shares one part, each tool result gets its own."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.compression.choice import chosen_for, is_worth_having
from app.compression.compressor import Compressed, CompressOptions, assembled
from app.compression.joined import JoinedDocument
from app.compression.messages import Content
from app.compression.summarizer import Summary
from app.summary.check import Claim
from app.summary.report import arrange, compose
from app.summary.select import Selection, SelectionOptions, select
from app.text.document import Document, read
from app.text.language import guess_language, stems
from app.text.tokens import estimate_tokens

_DIALOGUE_SHARE = 0.5  # of a budget: at least so much is for the dialogue, however many tool results there are
_OLDEST_WEIGHT = 0.5  # of the newest tool result's
_HINT_WEIGHT = 1.0  # added for a result that has all words of the user's last message
_QUESTION_WEIGHT = 4.0  # the same for the question of the request
_LEAST_LETTERS = 3  # of a word that counts for relevance
_SEEDED = 0.05  # of a budget: if the minimum for empty texts takes more, the selection is repeated with it


def dialogue_budget(budget: int, dialogue_tokens: int, result_tokens: int) -> int:
    """The tokens for the dialogue: its proportional share of the budget or half of it, whichever is more."""
    total = dialogue_tokens + result_tokens
    share = dialogue_tokens / total if total else 0.0
    return min(dialogue_tokens, int(budget * max(share, _DIALOGUE_SHARE)))


def allotments(
    results: Sequence[Content], tokens: Mapping[Content, int], budget: int, question: str | None, hint: str | None
) -> dict[Content, int]:
    """The tokens that each tool result gets of a budget, at most its own.

    Weights grow with the square root of a result's tokens, so that one long dump does not take what the others need,
    with its position (newer is more), and with its words of the question or the hint.
    """
    newest = max(1, len(results) - 1)
    relevance = _relevance(results, question or hint or "")
    factor = _QUESTION_WEIGHT if question else _HINT_WEIGHT
    weights = {
        content: math.sqrt(max(1, tokens[content]))
        * (_OLDEST_WEIGHT + (1 - _OLDEST_WEIGHT) * at / newest)
        * (1 + factor * relevance[at])
        for at, content in enumerate(results)
    }
    allotted: dict[Content, int] = {}
    left, weight_left = budget, sum(weights.values())
    for content in sorted(results, key=lambda result: tokens[result] / weights[result]):
        allotted[content] = max(1, min(tokens[content], int(left * weights[content] / weight_left)))
        left = max(0, left - allotted[content])
        weight_left -= weights[content]
    return allotted


def _relevance(results: Sequence[Content], query: str) -> list[float]:
    """The relevance of each result: its words of `query`, weighted by rarity; 1 for the best result."""
    query_stems = {stem for stem in stems(query, guess_language(query)) if len(stem) >= _LEAST_LETTERS}
    has = [
        [stem for stem in query_stems if stem in lowered] for lowered in (content.text.lower() for content in results)
    ]
    counts = Counter(stem for stems_in in has for stem in stems_in)
    scores = [sum(math.log(1 + len(results) / counts[stem]) for stem in stems_in) for stems_in in has]
    best = max(scores, default=0.0) or 1.0
    return [score / best for score in scores]


@dataclass(frozen=True, slots=True)
class SharedText:
    """A text that shares a budget with others. `result`: its abstractive result, None if the model was not called."""

    content: Content
    options: CompressOptions
    result: Compressed | None = None

    @property
    def summary(self) -> Summary | None:
        return self.result.summary if self.result else None


def on_one_budget(texts: Sequence[SharedText], budget: int, model: str) -> dict[Content, Compressed]:
    """The results of texts on a common budget of tokens. Each keeps at least one unit."""
    results: dict[Content, Compressed] = {}
    chosen_from: list[SharedText] = []
    for text in texts:
        if text.result and text.summary and text.summary.claims and text.options.method == "abstractive":
            results[text.content] = text.result
            budget -= text.result.sizes.compressed_tokens
        else:
            chosen_from.append(text)
    if not chosen_from:
        return results
    documents = [read(text.content.text, asks=text.options.asks) for text in chosen_from]
    chosen = _choose(chosen_from, documents, max(1, budget))
    for text, document, (taken, units) in zip(chosen_from, documents, chosen, strict=True):
        failed = text.result is not None and text.result.engine_failed
        results[text.content] = assembled(document, taken, units, text.summary, text.options, model, failed)
    return results


_Chosen = tuple[Sequence[Claim], frozenset[int]]
"""The claims about a document and the units of it that were chosen."""


def _choose(texts: Sequence[SharedText], documents: Sequence[Document], budget: int) -> list[_Chosen]:
    """The claims and units to take from each document."""
    joined = JoinedDocument(documents, _answers([text.content for text in texts]))
    claims: list[Claim] = []
    owners: list[int] = []
    for number, text in enumerate(texts):
        for claim in text.summary.claims if text.summary else ():
            claims.append(replace(claim, units=tuple(unit + joined.firsts[number] for unit in claim.units)))
            owners.append(number)

    def parted(selection: Selection) -> list[_Chosen]:
        taken: list[list[Claim]] = [[] for _ in texts]
        for at in selection.claims:
            first = joined.firsts[owners[at]]
            own = tuple(unit - first for unit in claims[at].units)
            taken[owners[at]].append(replace(claims[at], units=own))
        return [(taken[number], joined.units_in(number, selection.units)) for number in range(len(texts))]

    def composed_tokens(selection: Selection) -> int:
        return sum(map(_tokens_of, documents, parted(selection)))

    def chosen(keep: Sequence[int]) -> list[_Chosen]:
        return parted(chosen_for(joined, claims, replace(options, must_keep=tuple(keep)), composed_tokens))

    question = texts[0].options.question
    options = SelectionOptions(budget, texts[0].options.coverage, question)
    keep = [
        joined.firsts[number] + unit
        for number, (text, document) in enumerate(zip(texts, documents, strict=True))
        for literal in text.options.must_keep
        for unit in document.units_of(literal)
    ]
    choices = chosen(keep)
    seeds = _seeds(documents, choices, question)
    if sum(_tokens_of(documents[number], ((), units)) for number, units in seeds.items()) > _SEEDED * budget:
        choices = chosen([*keep, *(joined.firsts[number] + unit for number in seeds for unit in sorted(seeds[number]))])
        seeds = _seeds(documents, choices, question)
    return [((), seeds[number]) if number in seeds else choice for number, choice in enumerate(choices)]


def _answers(contents: Sequence[Content]) -> frozenset[int]:
    """The texts that directly follow a message of the other speaker."""
    return frozenset(
        at
        for at in range(1, len(contents))
        if contents[at].role != contents[at - 1].role and contents[at].message == contents[at - 1].message + 1
    )


def _tokens_of(document: Document, chosen: _Chosen) -> int:
    """The tokens of a document's result."""
    source_tokens = document.tokens
    text, _ = compose(document, arrange(*chosen))
    return estimate_tokens(text) if is_worth_having(text, source_tokens) else source_tokens


def _seeds(
    documents: Sequence[Document], choices: Sequence[_Chosen], question: str | None
) -> dict[int, frozenset[int]]:
    """The best unit of each document from which nothing was chosen, by the document's number."""
    return {
        number: select(document, (), SelectionOptions(1, 1.0, question)).units
        for number, (document, (taken, units)) in enumerate(zip(documents, choices, strict=True))
        if document.units and not taken and not units
    }
