"""One budget for the texts of a conversation: what was said takes what is worth most, tool results get a part each."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.compression.compressor import Compressed, CompressOptions, assembled, chosen_for, is_worth_having
from app.compression.joined import JoinedDocument
from app.compression.messages import Content
from app.compression.summarizer import Summary
from app.summary.check import Claim
from app.summary.report import arrange, compose
from app.summary.select import Selection, SelectionOptions, select
from app.text.document import Document, read
from app.text.language import guess_language, stems
from app.text.tokens import estimate_tokens

_SAID_SHARE = 0.5  # of a budget, which what was said may have beside all the tool results
_OLDEST_WEIGHT = 0.5  # of the newest tool result's
_HINT_WEIGHT = 1.0  # more for a result that has all words of what the user wrote last
_QUESTION_WEIGHT = 4.0  # the same for a question that was asked for
_LEAST_LETTERS = 3  # of a word by which results are told apart
_SEEDED = 0.05  # of a budget; where what no text may lose takes more, the rest of it is planned anew


def said_budget(budget: int, said_tokens: int, result_tokens: int) -> int:
    """The tokens for what was said: its share of the budget or half of it, whichever is more."""
    total = said_tokens + result_tokens
    share = said_tokens / total if total else 0.0
    return min(said_tokens, int(budget * max(share, _SAID_SHARE)))


def allotments(
    results: Sequence[Content], tokens: Mapping[Content, int], budget: int, question: str | None, hint: str | None
) -> dict[Content, int]:
    """The tokens that each tool result gets of a budget, at most its own.

    A longer one gets more, by the square root of its tokens, so that one dump does not take what the others need. A
    newer one gets more, and one that has words of the question, or of the hint.
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
    for content in sorted(results, key=lambda one: tokens[one] / weights[one]):
        allotted[content] = max(1, min(tokens[content], int(left * weights[content] / weight_left)))
        left = max(0, left - allotted[content])
        weight_left -= weights[content]
    return allotted


def _relevance(results: Sequence[Content], asked: str) -> list[float]:
    """How many of the words of what is asked each result has, the rare ones for more; 1 for the best one."""
    found = {stem for stem in stems(asked, guess_language(asked)) if len(stem) >= _LEAST_LETTERS}
    has = [[stem for stem in found if stem in lowered] for lowered in (content.text.lower() for content in results)]
    counts = Counter(stem for stems_in in has for stem in stems_in)
    scores = [sum(math.log(1 + len(results) / counts[stem]) for stem in stems_in) for stems_in in has]
    best = max(scores, default=0.0) or 1.0
    return [score / best for score in scores]


@dataclass(frozen=True, slots=True)
class Said:
    """A text that shares a budget with others. `made`: what the model was asked for, None where it was not."""

    content: Content
    options: CompressOptions
    made: Compressed | None = None

    @property
    def summary(self) -> Summary | None:
        return self.made.summary if self.made else None


def on_one_budget(every: Sequence[Said], budget: int, model: str) -> dict[Content, Compressed]:
    """The results of texts that have so many tokens together. Each keeps something."""
    results: dict[Content, Compressed] = {}
    chosen_from: list[Said] = []
    for one in every:
        if one.made and one.summary and one.summary.claims and one.options.method == "abstractive":
            results[one.content] = one.made
            budget -= one.made.sizes.compressed_tokens
        else:
            chosen_from.append(one)
    if not chosen_from:
        return results
    documents = [read(one.content.text, asks=one.options.asks) for one in chosen_from]
    chosen = _choose(chosen_from, documents, max(1, budget))
    for one, document, (taken, units) in zip(chosen_from, documents, chosen, strict=True):
        failed = one.made is not None and one.made.engine_failed
        results[one.content] = assembled(document, taken, units, one.summary, one.options, model, failed)
    return results


_Chosen = tuple[Sequence[Claim], frozenset[int]]
"""The claims about a document and the units of it that were chosen."""


def _choose(every: Sequence[Said], documents: Sequence[Document], budget: int) -> list[_Chosen]:
    """What makes the best of one budget, for each document."""
    joined = JoinedDocument(documents, _answers([one.content for one in every]))
    claims: list[Claim] = []
    owners: list[int] = []
    for number, one in enumerate(every):
        for claim in one.summary.claims if one.summary else ():
            claims.append(replace(claim, units=tuple(unit + joined.firsts[number] for unit in claim.units)))
            owners.append(number)

    def parted(selection: Selection) -> list[_Chosen]:
        taken: list[list[Claim]] = [[] for _ in every]
        for at in selection.claims:
            first = joined.firsts[owners[at]]
            own = tuple(unit - first for unit in claims[at].units)
            taken[owners[at]].append(replace(claims[at], units=own))
        return [(taken[number], joined.units_in(number, selection.units)) for number in range(len(every))]

    def composed_tokens(selection: Selection) -> int:
        return sum(map(_tokens_of, documents, parted(selection)))

    def chosen(keep: Sequence[int]) -> list[_Chosen]:
        return parted(chosen_for(joined, claims, replace(options, must_keep=tuple(keep)), composed_tokens))

    question = every[0].options.question
    options = SelectionOptions(budget, every[0].options.coverage, question)
    keep = [
        joined.firsts[number] + unit
        for number, (one, document) in enumerate(zip(every, documents, strict=True))
        for literal in one.options.must_keep
        for unit in document.units_of(literal)
    ]
    found = chosen(keep)
    seeds = _seeds(documents, found, question)
    if sum(_tokens_of(documents[number], ((), units)) for number, units in seeds.items()) > _SEEDED * budget:
        found = chosen([*keep, *(joined.firsts[number] + unit for number in seeds for unit in sorted(seeds[number]))])
        seeds = _seeds(documents, found, question)
    return [((), seeds[number]) if number in seeds else one for number, one in enumerate(found)]


def _answers(contents: Sequence[Content]) -> frozenset[int]:
    """The texts of which the one before is the other speaker's message right before them."""
    return frozenset(
        at
        for at in range(1, len(contents))
        if contents[at].role != contents[at - 1].role and contents[at].message == contents[at - 1].message + 1
    )


def _tokens_of(document: Document, chosen: _Chosen) -> int:
    """The tokens of what becomes of a document."""
    source_tokens = estimate_tokens(document.text)
    text, _ = compose(document, arrange(*chosen))
    return estimate_tokens(text) if is_worth_having(text, source_tokens) else source_tokens


def _seeds(documents: Sequence[Document], found: Sequence[_Chosen], question: str | None) -> dict[int, frozenset[int]]:
    """The best of each document of which nothing was chosen, by its number."""
    return {
        number: select(document, (), SelectionOptions(1, 1.0, question)).units
        for number, (document, (taken, units)) in enumerate(zip(documents, found, strict=True))
        if document.units and not taken and not units
    }
