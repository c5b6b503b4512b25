"""Whether questions about a text are still answered by its result, beside simple ways to make a text as short.

    .venv/bin/python -m benchmarks.answers DATA.json --ratio 0.3 0.5              # one result a text, without a model
    .venv/bin/python -m benchmarks.answers DATA.json --ratio 0.3 --question       # one a question, which is told
    .venv/bin/python -m benchmarks.answers DATA.json --url http://127.0.0.1:8000  # by a running service
    .venv/bin/python -m benchmarks.answers DATA.json --docs 5 --questions 3 --reader http://127.0.0.1:8080/v1

DATA.json is in SQuAD's format, an article's paragraphs, joined by blank lines, being one text, or {"documents":
[{"text", "questions": [{"question", "answer", "start"}]}]}. Columns: `tokens` over
the source's; `in result`, the answer stands there as a run of words; `in a sentence`, the sentence of the source that
has the answer stands there word for word; `plain`, the same for answers with neither a figure nor a capital; the share
of its lines that are fragments. The ways beside it take whole sentences, and never more tokens than the result had:
the first sentences of paragraphs, then the second ones; LEAD; sentences by chance (5 draws); TextRank (Mihalcea and
Tarau 2004); with --question BM25 too. `none` for a ratio sets no target.

--reader has a model answer each question from each result, and from the source, and adds SQuAD's F1.
"""

import argparse
import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from app.compression.compressor import CompressOptions, compress_extractive
from app.engine.client import Prompt
from app.text.number_words import NUMBER_WORDS
from app.text.tokens import estimate_tokens
from benchmarks.measures import head, mean, row, token_f1
from benchmarks.model import Model, open_model
from benchmarks.sentences import (
    Boundaries,
    first_sentences,
    firsts_of_paragraphs,
    pick,
    pieces,
    share_of_fragments,
    words,
)

DRAWS = 5
_STEM = 6  # letters by which BM25 and TextRank compare words
_DAMPING, _ROUNDS = 0.85, 30
_READER = "Answer the question from the text, in as few words as possible and in the words of the text."
_ANSWER_TOKENS = 24
_LARGE_NUMBERS = frozenset(("one", "first", "second", "half", "hundred", "thousand", "million", "billion", "dozen"))


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, the answer's place in the text, and what other readers answered."""

    question: str
    answer: str
    start: int
    others: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the answer is neither a figure nor a name."""
        is_number = any(word in NUMBER_WORDS or word in _LARGE_NUMBERS for word in words(self.answer))
        return not is_number and not any(c.isdigit() or c.isupper() for c in self.answer)


@dataclass(frozen=True)
class Text:
    """A text and the questions about it."""

    text: str
    questions: tuple[Question, ...]

    @cached_property
    def source(self) -> Boundaries:
        """Its sentences."""
        return Boundaries(self.text)

    @cached_property
    def tokens(self) -> int:
        """Its estimated tokens."""
        return estimate_tokens(self.text)

    @cached_property
    def stems(self) -> list[list[str]]:
        """The beginnings of the words of each sentence."""
        found = self.source
        return [[word[:_STEM] for word in found.words[one.first : one.last + 1]] for one in found.sentences]

    def sentence_of(self, question: Question) -> str:
        """The sentence in which the answer begins."""
        found = (one for one in self.source.sentences if one.start <= question.start < one.end)
        sentence = next(found, None)
        return self.source.text_of(sentence) if sentence else question.answer


def load(path: Path) -> list[Text]:
    """The texts of a file in SQuAD's format, and their questions that have an answer at the place that they name."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if "documents" in found:
        return [_prepared(one["text"], one["questions"]) for one in found["documents"]]
    return [_joined(article["paragraphs"]) for article in found["data"]]


def _prepared(text: str, questions: Iterable[dict[str, Any]]) -> Text:
    return Text(text, tuple(Question(one["question"], one["answer"], one["start"]) for one in questions))


def _joined(paragraphs: Iterable[dict[str, Any]]) -> Text:
    text, questions = "", list[Question]()
    for paragraph in paragraphs:
        text += "\n\n" if text else ""
        context = paragraph["context"]
        for one in paragraph["qas"]:
            answers = one.get("answers", [])
            if answers and context.startswith(answers[0]["text"], answers[0]["answer_start"]):
                start = len(text) + answers[0]["answer_start"]
                others = tuple(answer["text"] for answer in answers[1:])
                questions.append(Question(one["question"], answers[0]["text"], start, others))
        text += context
    return Text(text, tuple(questions))


def by_chance(text: Text, budget: float, seed: object) -> str:
    """Sentences by chance."""
    order = list(range(len(text.source.sentences)))
    random.Random(repr(seed)).shuffle(order)
    return pick(text.source, order, budget)


def textrank(text: Text, budget: float) -> str:
    """The sentences that are most like the others: PageRank of the graph of their common words."""
    stems = [set(found) for found in text.stems]
    count = len(stems)
    alike = [[_likeness(one, two) if one is not two else 0.0 for two in stems] for one in stems]
    sums = [sum(found) or 1.0 for found in alike]
    ranks = [1.0] * count
    for _ in range(_ROUNDS):
        shares = [rank / total for rank, total in zip(ranks, sums, strict=True)]
        ranks = [1 - _DAMPING + _DAMPING * sum(map(float.__mul__, edges, shares)) for edges in alike]
    return pick(text.source, sorted(range(count), key=lambda at: (-ranks[at], at)), budget)


def _likeness(one: set[str], two: set[str]) -> float:
    size = math.log(len(one)) + math.log(len(two)) if one and two else 0.0
    return len(one & two) / size if size else 0.0


def bm25(text: Text, budget: float, question: str, k1: float = 1.2, b: float = 0.75) -> str:
    """The sentences that answer the question best."""
    count, lengths = len(text.stems), [len(found) for found in text.stems]
    frequencies = Counter(stem for found in text.stems for stem in set(found))
    asked = {word[:_STEM] for word in words(question)}
    idf = {stem: math.log(1 + (count - frequencies[stem] + 0.5) / (frequencies[stem] + 0.5)) for stem in asked}

    def score(at: int) -> float:
        norm = k1 * (1 - b + b * lengths[at] * count / sum(lengths))
        found = Counter(stem for stem in text.stems[at] if stem in asked)
        return sum(idf[stem] * n * (k1 + 1) / (n + norm) for stem, n in found.items())

    return pick(text.source, sorted(range(count), key=lambda at: (-score(at), at)), budget)


@dataclass
class Sums:
    """What one way did, over all texts and questions."""

    tokens: list[float] = field(default_factory=list)
    present: list[bool] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)
    fragments: int = 0
    lines: int = 0
    f1: list[float] = field(default_factory=list)

    def add(self, text: Text, result: str, questions: Sequence[Question]) -> None:
        """Count what `result` has for the questions."""
        self.tokens.append(estimate_tokens(result) / text.tokens)
        said = Boundaries(result)
        for question in questions:
            self.present.append(bool(said.find(words(question.answer))))
            self.whole.append(bool(said.find(words(text.sentence_of(question)))))
            self.plain += [self.whole[-1]] if question.is_plain else []
        fragments, lines = share_of_fragments(pieces(text.source, result))
        self.fragments, self.lines = self.fragments + fragments, self.lines + lines

    def cells(self) -> list[str]:
        """The cells of its row."""
        values = (mean(self.tokens), mean(self.present), mean(self.whole), mean(self.plain))
        cells = [*(f"{value:.3f}" for value in values), f"{self.fragments / max(1, self.lines):.3f}"]
        return [*cells, f"{mean(self.f1):.3f}"] if self.f1 else cells


Compress = Callable[[str, float | None, str | None], str]


def in_process(text: str, ratio: float | None, question: str | None) -> str:
    """The result without a model, made here."""
    return compress_extractive(CompressOptions(text, target_ratio=ratio, question=question)).text


def through_service(url: str, method: str) -> Compress:
    """The result of a running service."""
    client = httpx.Client(base_url=url, timeout=1200, trust_env=False)

    def compress(text: str, ratio: float | None, question: str | None) -> str:
        body = {"text": text, "method": method, "target_ratio": ratio, "question": question}
        response = client.post("/compress", json={name: value for name, value in body.items() if value is not None})
        response.raise_for_status()
        return str(response.json()["compressed"])

    return compress


def ways(text: Text, result: str, question: str | None) -> Iterator[tuple[str, str]]:
    """The result and those of the simple ways with as many tokens, each with its name."""
    budget = estimate_tokens(result)
    yield "Condenser", result
    yield "first of paragraphs", firsts_of_paragraphs(text.source, budget)
    yield "LEAD", first_sentences(text.source, budget)
    yield "TextRank", textrank(text, budget)
    for seed in range(DRAWS):
        yield "by chance", by_chance(text, budget, (seed, question, text.text[:40]))
    if question is not None:
        yield "BM25", bm25(text, budget, question)
        yield "BM25, a third of the tokens", bm25(text, budget / 3, question)


async def read_answers(
    sums: dict[str, Sums], read: dict[str, str], questions: Sequence[Question], model: Model
) -> None:
    """Have the model answer the questions from each text of `read`; a text's questions follow one another."""
    for name, text in read.items():
        for question in questions:
            asked = f"<text>\n{text}\n</text>\n\nQuestion: {question.question}"
            completion = await model.complete(Prompt(_READER, asked), num_predict=_ANSWER_TOKENS)
            accepted = (question.answer, *question.others)
            sums.setdefault(name, Sums()).f1.append(max(token_f1(completion.text, one) for one in accepted))


async def measured(
    texts: Sequence[Text], ratio: float | None, compress: Compress, wished: argparse.Namespace, reader: Model | None
) -> dict[str, Sums]:
    """What each way did at this ratio."""
    sums: dict[str, Sums] = {}
    for text in texts:
        questions = text.questions[: wished.questions]
        for about in [[one] for one in questions] if wished.question else [questions]:
            asked = about[0].question if wished.question else None
            read: dict[str, str] = {}
            for name, result in ways(text, compress(text.text, ratio, asked), asked):
                sums.setdefault(name, Sums()).add(text, result, about)
                read.setdefault(name, result)
            if reader is not None:
                await read_answers(sums, {**read, "source": text.text}, about, reader)
    return sums


async def run(wished: argparse.Namespace) -> None:
    """Print a table for each ratio."""
    texts = load(wished.data)[: wished.docs]
    compress = through_service(wished.url, wished.method) if wished.url else in_process
    async with open_model(wished.reader, wished.model) if wished.reader else nullcontext() as reader:
        for ratio in wished.ratio:
            sums = await measured(texts, None if ratio == "none" else float(ratio), compress, wished, reader)
            of = next(iter(sums.values()))
            asked = ", with the question" if wished.question else ""
            print(f"\ntarget {ratio}{asked}: {len(texts)} texts, {len(of.present)} answers, {len(of.plain)} plain")
            columns = ["", "tokens", "in result", "in a sentence", "plain, in a sentence", "fragments"]
            print(head([*columns, "F1 of the reader"] if reader else columns))
            for name, found in sums.items():
                print(row((name, *found.cells())) if found.tokens else row((name, *["-"] * 5, f"{mean(found.f1):.3f}")))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a file in SQuAD's format")
    parser.add_argument("--ratio", nargs="+", default=["none", "0.3"], help="target ratios, `none` for no target")
    parser.add_argument("--question", action="store_true", help="a result for each question, with it")
    parser.add_argument("--docs", type=int, help="only so many texts")
    parser.add_argument("--questions", type=int, help="only so many questions of each text")
    parser.add_argument("--url", help="a running service; left out: made here, without a model")
    parser.add_argument("--method", default="auto", choices=("auto", "abstractive", "extractive"), help="with --url")
    parser.add_argument("--reader", help="an Ollama or an OpenAI API whose model answers the questions")
    parser.add_argument("--model", help="the reader's name; left out: the first one there")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
