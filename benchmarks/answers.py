"""Whether a result still answers questions about its text, compared with simple ways to shorten it.

    .venv/bin/python -m benchmarks.answers DATA.json --ratio 0.3 0.5              # one result per text, without a model
    .venv/bin/python -m benchmarks.answers DATA.json --ratio 0.3 --question       # one result per question
    .venv/bin/python -m benchmarks.answers DATA.json --url http://127.0.0.1:8000  # from a running service
    .venv/bin/python -m benchmarks.answers DATA.json --docs 5 --questions 3 --reader http://127.0.0.1:8080/v1

DATA.json is in SQuAD's format (the paragraphs of an article are joined to one text), or {"documents": [{"text",
"questions": [{"question", "answer", "start"}]}]}. Columns: `tokens`: of the result divided by the source's; `in
result`: the result contains the words of the answer; `in a sentence`: it contains the source's sentence with the answer
word for word; `plain`: the same for answers with neither a figure nor a capital; `fragments`: the share of lines with a
fragment. The other ways take whole sentences and at most as many tokens as the result: the first sentences of
paragraphs, then the second ones; LEAD; random sentences (5 draws); TextRank (Mihalcea and Tarau 2004); with --question
also BM25. The ratio `none` sets no target.

With --reader, a model answers each question from each result and from the source; its SQuAD F1 is added.
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
_STEM = 6  # letters of a word that BM25 and TextRank compare
_DAMPING, _ROUNDS = 0.85, 30
_READER = "Answer the question from the text, in as few words as possible and in the words of the text."
_ANSWER_TOKENS = 24
_LARGE_NUMBERS = frozenset(("one", "first", "second", "half", "hundred", "thousand", "million", "billion", "dozen"))


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, the start of the answer in the text, and the answers of other readers."""

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
        """The first letters of the words of each sentence."""
        source = self.source
        return [[word[:_STEM] for word in source.words[part.first : part.last + 1]] for part in source.sentences]

    def sentence_of(self, question: Question) -> str:
        """The sentence in which the answer begins."""
        sentence = next((part for part in self.source.sentences if part.start <= question.start < part.end), None)
        return self.source.text_of(sentence) if sentence else question.answer


def load(path: Path) -> list[Text]:
    """The texts of a file, and their questions whose answer is at the given position."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if "documents" in data:
        return [_prepared(document["text"], document["questions"]) for document in data["documents"]]
    return [_joined(article["paragraphs"]) for article in data["data"]]


def _prepared(text: str, questions: Iterable[dict[str, Any]]) -> Text:
    return Text(
        text, tuple(Question(question["question"], question["answer"], question["start"]) for question in questions)
    )


def _joined(paragraphs: Iterable[dict[str, Any]]) -> Text:
    text, questions = "", list[Question]()
    for paragraph in paragraphs:
        text += "\n\n" if text else ""
        context = paragraph["context"]
        for entry in paragraph["qas"]:
            answers = entry.get("answers", [])
            if answers and context.startswith(answers[0]["text"], answers[0]["answer_start"]):
                start = len(text) + answers[0]["answer_start"]
                others = tuple(answer["text"] for answer in answers[1:])
                questions.append(Question(entry["question"], answers[0]["text"], start, others))
        text += context
    return Text(text, tuple(questions))


def random_sentences(text: Text, budget: float, seed: object) -> str:
    """Random sentences."""
    order = list(range(len(text.source.sentences)))
    random.Random(repr(seed)).shuffle(order)
    return pick(text.source, order, budget)


def textrank(text: Text, budget: float) -> str:
    """The sentences that are most similar to the others: PageRank of the graph of their common words."""
    stems = [set(values) for values in text.stems]
    count = len(stems)
    alike = [[_likeness(first, second) if first is not second else 0.0 for second in stems] for first in stems]
    sums = [sum(values) or 1.0 for values in alike]
    ranks = [1.0] * count
    for _ in range(_ROUNDS):
        shares = [rank / total for rank, total in zip(ranks, sums, strict=True)]
        ranks = [1 - _DAMPING + _DAMPING * sum(map(float.__mul__, edges, shares)) for edges in alike]
    return pick(text.source, sorted(range(count), key=lambda at: (-ranks[at], at)), budget)


def _likeness(first: set[str], second: set[str]) -> float:
    size = math.log(len(first)) + math.log(len(second)) if first and second else 0.0
    return len(first & second) / size if size else 0.0


def bm25(text: Text, budget: float, question: str, k1: float = 1.2, b: float = 0.75) -> str:
    """The sentences that answer the question best."""
    count, lengths = len(text.stems), [len(stems) for stems in text.stems]
    frequencies = Counter(stem for stems in text.stems for stem in set(stems))
    asked = {word[:_STEM] for word in words(question)}
    idf = {stem: math.log(1 + (count - frequencies[stem] + 0.5) / (frequencies[stem] + 0.5)) for stem in asked}

    def score(at: int) -> float:
        norm = k1 * (1 - b + b * lengths[at] * count / sum(lengths))
        counts = Counter(stem for stem in text.stems[at] if stem in asked)
        return sum(idf[stem] * n * (k1 + 1) / (n + norm) for stem, n in counts.items())

    return pick(text.source, sorted(range(count), key=lambda at: (-score(at), at)), budget)


@dataclass
class Sums:
    """Results of one way over all texts and questions."""

    tokens: list[float] = field(default_factory=list)
    present: list[bool] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)
    fragments: int = 0
    lines: int = 0
    f1: list[float] = field(default_factory=list)

    def add(self, text: Text, result: str, questions: Sequence[Question]) -> None:
        """Count the questions that `result` answers."""
        self.tokens.append(estimate_tokens(result) / text.tokens)
        boundaries = Boundaries(result)
        for question in questions:
            self.present.append(bool(boundaries.find(words(question.answer))))
            self.whole.append(bool(boundaries.find(words(text.sentence_of(question)))))
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
    """The result without a model, in this process."""
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
    """The result, and those of the simple ways with the same number of tokens, each with the name of its way."""
    budget = estimate_tokens(result)
    yield "Condenser", result
    yield "first of paragraphs", firsts_of_paragraphs(text.source, budget)
    yield "LEAD", first_sentences(text.source, budget)
    yield "TextRank", textrank(text, budget)
    for seed in range(DRAWS):
        yield "random sentences", random_sentences(text, budget, (seed, question, text.text[:40]))
    if question is not None:
        yield "BM25", bm25(text, budget, question)
        yield "BM25, a third of the tokens", bm25(text, budget / 3, question)


async def read_answers(
    sums: dict[str, Sums], read: dict[str, str], questions: Sequence[Question], model: Model
) -> None:
    """The model answers the questions from each text of `read`; the questions of a text follow each other."""
    for name, text in read.items():
        for question in questions:
            asked = f"<text>\n{text}\n</text>\n\nQuestion: {question.question}"
            completion = await model.complete(Prompt(_READER, asked), num_predict=_ANSWER_TOKENS)
            accepted = (question.answer, *question.others)
            sums.setdefault(name, Sums()).f1.append(max(token_f1(completion.text, reference) for reference in accepted))


async def measured(
    texts: Sequence[Text], ratio: float | None, compress: Compress, arguments: argparse.Namespace, reader: Model | None
) -> dict[str, Sums]:
    """Results of each way at this ratio."""
    sums: dict[str, Sums] = {}
    for text in texts:
        questions = text.questions[: arguments.questions]
        for about in [[question] for question in questions] if arguments.question else [questions]:
            asked = about[0].question if arguments.question else None
            read: dict[str, str] = {}
            for name, result in ways(text, compress(text.text, ratio, asked), asked):
                sums.setdefault(name, Sums()).add(text, result, about)
                read.setdefault(name, result)
            if reader is not None:
                await read_answers(sums, {**read, "source": text.text}, about, reader)
    return sums


async def run(arguments: argparse.Namespace) -> None:
    """Print a table for each ratio."""
    texts = load(arguments.data)[: arguments.docs]
    compress = through_service(arguments.url, arguments.method) if arguments.url else in_process
    async with open_model(arguments.reader, arguments.model) if arguments.reader else nullcontext() as reader:
        for ratio in arguments.ratio:
            sums = await measured(texts, None if ratio == "none" else float(ratio), compress, arguments, reader)
            some = next(iter(sums.values()))
            asked = ", with the question" if arguments.question else ""
            print(f"\ntarget {ratio}{asked}: {len(texts)} texts, {len(some.present)} answers, {len(some.plain)} plain")
            columns = ["", "tokens", "in result", "in a sentence", "plain, in a sentence", "fragments"]
            print(head([*columns, "F1 of the reader"] if reader else columns))
            for name, way in sums.items():
                print(row((name, *way.cells())) if way.tokens else row((name, *["-"] * 5, f"{mean(way.f1):.3f}")))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a file in SQuAD's format")
    parser.add_argument("--ratio", nargs="+", default=["none", "0.3"], help="target ratios, `none` for no target")
    parser.add_argument("--question", action="store_true", help="a result for each question")
    parser.add_argument("--docs", type=int, help="most texts")
    parser.add_argument("--questions", type=int, help="most questions per text")
    parser.add_argument("--url", help="a running service; default: in this process")
    parser.add_argument("--method", default="auto", choices=("auto", "abstractive", "extractive"), help="with --url")
    parser.add_argument("--reader", help="an Ollama or an OpenAI API whose model answers the questions")
    parser.add_argument("--model", help="the reader's model; default: the first of the server")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
