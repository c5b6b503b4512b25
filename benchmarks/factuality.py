"""How well the check of a summary's sentences separates true from false ones, on labelled data.

    .venv/bin/python -m benchmarks.factuality DATA.jsonl --tune OTHER.jsonl           # a table
    .venv/bin/python -m benchmarks.factuality DATA.jsonl --engine http://host:11434   # with the second stage
    .venv/bin/python -m benchmarks.factuality --predict DATA.jsonl                    # a line of JSON per row; `-`:
                                                                                      # standard input

A row of DATA.jsonl is {"source", "sentence", "label"}, with label 1 for true and 0 for false; without "source" it has
that of the previous row. Files of QAGS, {"article", "summary_sentences"}, are read as published: the majority of the
readers decides what is true, and spaces that a tokenizer left in figures and before punctuation are removed. A sentence
may be a whole summary, which is false if any part is; it is judged as a whole.

Columns: share of true sentences that pass, share of false ones that are dropped, balanced accuracy (the mean of both;
0.5 is chance), share of true sentences among those that pass, and area under the ROC curve of the score. Baselines: all
figures and names of the sentence are in the source verbatim; precision of the sentence's word pairs in the source
(ROUGE-2 of the worst sentence), with the best threshold on the set given by --tune.
"""

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from app.compression.calibrator import Calibrator
from app.compression.prompts import check_prompt
from app.summary.calibration import Calibration, engine_support, log_odds
from app.summary.check import MIN_SUPPORT, Judgement, judge
from app.summary.evidence import Evidence
from app.text.document import read
from benchmarks.measures import area_under_curve, best_threshold, head, rates, row
from benchmarks.model import Model, open_model
from benchmarks.sentences import words

_SPACES_OF_TOKENIZERS = (
    (re.compile(r"(?<=\d)\s?,\s+(?=\d{3}\b)"), ","),
    (re.compile(r"(?<=\d)\.\s+(?=\d)"), "."),
    (re.compile(r"(?<=\w) - (?=\w)"), "-"),
    (re.compile(r"([$£€]) (?=\d)"), r"\1"),
    (re.compile(r"(?<=[\w.]) ([.,;:!?%])"), r"\1"),
    (re.compile(r"\( "), "("),
    (re.compile(r" \)"), ")"),
)
_TOKEN = re.compile(r"\d[\d.,:/]*\d|\d|(?<!\w)[^\W\d_][\w'’-]*")
_NEXT_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“]?[A-Z0-9])")
_COLUMNS = ("set", "true, false", "judge", "true let stand", "false dropped", "balanced", "precision", "AUC")


@dataclass(frozen=True)
class Row:
    """A sentence and its source; `label`: whether the source supports it, None if unknown."""

    source: str
    sentence: str
    label: bool | None

    @cached_property
    def overlap(self) -> float:
        """ROUGE-2 precision of its worst sentence."""
        return rouge2_precision(self.sentence, self.source)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a sentence passes the check, its score from 0 to 1, and the rule that it broke."""

    supported: bool
    score: float
    reason: str | None = None


def load(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of a file."""
    source = ""
    for line in lines:
        entry = json.loads(line) if line.strip() else {}
        if "summary_sentences" in entry:
            yield from _qags(entry)
        elif entry:
            source = entry.get("source") or source
            label = entry.get("label")
            yield Row(source, entry["sentence"], None if label is None else bool(label))


def _qags(entry: dict[str, Any]) -> Iterator[Row]:
    article = repaired(entry["article"])
    for sentence in entry["summary_sentences"]:
        votes = [response["response"] == "yes" for response in sentence["responses"]]
        yield Row(article, repaired(sentence["sentence"]), 2 * sum(votes) > len(votes))


def repaired(text: str) -> str:
    """`text` without the spaces that a tokenizer put into it."""
    for pattern, replacement in _SPACES_OF_TOKENIZERS:
        text = pattern.sub(replacement, text)
    return text


def load_file(path: str) -> list[Row]:
    """The rows of the file at `path`, of standard input for `-`."""
    if path == "-":
        return list(load(sys.stdin))
    with Path(path).open(encoding="utf-8") as lines:
        return list(load(lines))


def has_figures_and_names(sentence: str, source: str) -> bool:
    """Whether each figure and each capitalised word, except the first word, is in the source verbatim."""
    source_words = set(words(source))
    for match in _TOKEN.finditer(sentence):
        token = match.group()
        is_first = not sentence[: match.start()].strip(" \"'“‘(*-")
        if not (token[0].isdigit() or (token[0].isupper() and not is_first)):
            continue
        if token not in source and not source_words.issuperset(words(token)):
            return False
    return True


def rouge2_precision(sentence: str, source: str) -> float:
    """The share of word pairs that the source contains, for the sentence with the least share; 1 without any pair."""
    source_pairs = set(pairwise(words(source)))
    pair_lists = [list(pairwise(words(part))) for part in _NEXT_SENTENCE.split(sentence)]
    return min((sum(pair in source_pairs for pair in pairs) / len(pairs) for pairs in pair_lists if pairs), default=1.0)


class Judge:
    """Judges rows as the service judges its model's sentences; asks `model` too, if it separates true from false."""

    def __init__(self, min_support: float, model: Model | None, calibration: Calibration | None) -> None:
        self._min_support = min_support
        self._model = model
        self._calibration = calibration
        self._evidence = Evidence(read(""))

    async def verdict(self, row: Row) -> Verdict:
        """Whether the sentence of a row passes. Rows with the same source must follow each other."""
        if self._evidence.document.text != row.source:
            self._evidence = Evidence(read(row.source))
        judgement = judge(row.sentence, self._evidence, self._min_support)
        if self._model is not None and self._calibration is not None and judgement.is_open:
            judgement = await self._second_stage(judgement, row, self._model, self._calibration)
        return Verdict(judgement.reason is None, judgement.support, judgement.reason)

    async def _second_stage(self, judgement: Judgement, row: Row, model: Model, calibration: Calibration) -> Judgement:
        """The judgement with the engine's log-odds; unchanged if the engine gives none."""
        completion = await model.complete(check_prompt(row.source, row.sentence), num_predict=1, top_logprobs=20)
        odds = log_odds(completion.first_token or {})
        if odds is None:
            return judgement
        support = engine_support(judgement, odds, calibration)
        return replace(judgement, support=support, reason=None if support >= self._min_support else "engine")


async def predict(rows: Sequence[Row], engine: str | None, min_support: float) -> AsyncIterator[Verdict]:
    """A verdict for each row, in order."""
    async with open_model(engine) if engine else nullcontext() as model:
        calibration = None
        if model is not None:
            calibration = await Calibrator(model.engine, "on").calibrate(model.name)
            print(f"the engine's {calibration or 'model does not separate true from false'}", file=sys.stderr)
        judge_of = Judge(min_support, model, calibration)
        for row in rows:
            yield await judge_of.verdict(row)


def table_rows(name: str, rows: Sequence[Row], verdicts: Sequence[Verdict], tune: Sequence[Row]) -> Iterator[str]:
    """The rows of the table for one set."""
    labels = [bool(entry.label) for entry in rows]
    overlaps = [entry.overlap for entry in rows]

    def line(judge_name: str, stands: Sequence[bool] | None, scores: Sequence[float] | None) -> str:
        judge_rates = rates(labels, stands) if stands is not None else None
        values = (
            (judge_rates.true_stand, judge_rates.false_dropped, judge_rates.balanced_accuracy, judge_rates.precision)
            if judge_rates
            else ()
        )
        cells = [f"{value:.3f}" for value in values] or ["-"] * 4
        area = f"{area_under_curve(labels, scores):.3f}" if scores is not None else "-"
        return row((name, f"{sum(labels)}, {len(labels) - sum(labels)}", judge_name, *cells, area))

    yield line("check", [entry.supported for entry in verdicts], [entry.score for entry in verdicts])
    yield line("figures and names", [has_figures_and_names(entry.sentence, entry.source) for entry in rows], None)
    if tune:
        threshold = best_threshold([bool(entry.label) for entry in tune], [entry.overlap for entry in tune])
        own = ", tuned on itself" if {entry.source for entry in tune} & {entry.source for entry in rows} else ""
        yield line(f"ROUGE-2, from {threshold:.2f}{own}", [overlap >= threshold for overlap in overlaps], overlaps)
    else:
        yield line("ROUGE-2, no threshold", None, overlaps)


def wrong_rows(rows: Sequence[Row], verdicts: Sequence[Verdict], most: int) -> Iterator[str]:
    """The rules that dropped true rows, and `most` wrong rows of each kind."""
    pairs = list(zip(rows, verdicts, strict=True))
    reasons = Counter(verdict.reason for row, verdict in pairs if row.label and not verdict.supported)
    yield f"true ones dropped by: {', '.join(f'{reason} {count}' for reason, count in reasons.most_common()) or '-'}"
    for label, name in ((True, "true, dropped"), (False, "false, stands")):
        wrong = [pair for pair in pairs if bool(pair[0].label) == label and pair[1].supported != label]
        for entry, verdict in wrong[:most]:
            yield f"  {name} ({verdict.reason or 'ok'}, {verdict.score:.2f}): {entry.sentence}"


def half(rows: Sequence[Row], which: str | None) -> list[Row]:
    """The rows of every second source, to tune on one half and report the other."""
    if which is None:
        return list(rows)
    numbers = {source: number for number, source in enumerate(dict.fromkeys(row.source for row in rows))}
    return [row for row in rows if numbers[row.source] % 2 == (which == "second")]


async def print_predictions(rows: Sequence[Row], arguments: argparse.Namespace) -> None:
    """Print a line of JSON for each row."""
    async for verdict in predict(rows, arguments.engine, arguments.min_support):
        print(json.dumps({"supported": verdict.supported, "score": round(verdict.score, 4)}), flush=True)


async def print_table(arguments: argparse.Namespace) -> None:
    """Print the table, one set after another."""
    tune = load_file(arguments.tune) if arguments.tune else []
    print(head(_COLUMNS))
    notes: list[str] = []
    for path in arguments.data:
        rows = half(load_file(path), arguments.half)[: arguments.limit]
        verdicts = [verdict async for verdict in predict(rows, arguments.engine, arguments.min_support)]
        name = Path(path).stem
        for line in table_rows(name, rows, verdicts, tune):
            print(line, flush=True)
        if arguments.wrong is not None:
            notes += [f"\n{name}", *wrong_rows(rows, verdicts, arguments.wrong)]
    print("\n".join(notes), end="\n" if notes else "")


def main() -> None:
    """Print the table, or the predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="JSON lines; with --predict `-` for standard input")
    parser.add_argument("--predict", action="store_true", help='print {"supported", "score"} for each row')
    parser.add_argument("--tune", help="the set on which the threshold of ROUGE-2 is chosen")
    parser.add_argument("--engine", help="address of an Ollama or an OpenAI API, for the second stage")
    parser.add_argument("--min-support", type=float, default=MIN_SUPPORT, help="support that a sentence needs")
    parser.add_argument("--half", choices=("first", "second"), help="only the rows of every second source")
    parser.add_argument("--limit", type=int, help="most rows of each set")
    parser.add_argument(
        "--wrong", type=int, metavar="N", help="show N wrong rows of each kind, and the rules that erred"
    )
    arguments = parser.parse_args()
    if arguments.predict:
        rows = [row for path in arguments.data for row in load_file(path)][: arguments.limit]
        asyncio.run(print_predictions(rows, arguments))
    else:
        asyncio.run(print_table(arguments))


if __name__ == "__main__":
    main()
