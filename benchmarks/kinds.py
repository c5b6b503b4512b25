"""Compression of structured text: tokens, validity, anomalies kept, values altered, seconds; and a published peer.

    .venv/bin/python -m benchmarks.kinds                   # all kinds
    .venv/bin/python -m benchmarks.kinds json csv          # kinds whose names begin so

Each row is a text of one kind, generated from a seed, with rare records planted in it. *tokens*: of the result divided
by those of the text. *valid*: an independent parser of the kind accepts the result. *anomalies*: planted records all of
whose values are in the result. *altered*: values of the result that are not in the text, not counting the marks of
Condenser and, in logs, of headroom-ai; its other marks count. `headroom-ai` is measured in the same run if it is
installed. For a new kind, add a function that generates it to `SAMPLES`.
"""

import argparse
import configparser
import csv
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import yaml
from defusedxml import ElementTree

from app.compression.compressor import CompressOptions, compress_extractive
from app.text.tokens import estimate_tokens
from benchmarks.kind_code_samples import CODE_SAMPLES
from benchmarks.kind_log_samples import LOG_SAMPLES
from benchmarks.kind_samples import RECORD_SAMPLES, Sample

Shorten = Callable[[str, float | None], str]
SAMPLES: dict[str, Callable[[int], Iterable[Sample]]] = RECORD_SAMPLES | LOG_SAMPLES | CODE_SAMPLES


@dataclass(frozen=True, slots=True)
class Row:
    contestant: str
    sample: Sample
    ratio: float
    is_valid: bool
    kept: int
    altered: int
    seconds: float

    def __str__(self) -> str:
        planted = len(self.sample.anomalies)
        target = "-" if self.sample.target is None else f"{self.sample.target}"
        is_valid = "yes" if self.is_valid else "NO"
        return (
            f"| {self.sample.kind} | {target} | {self.contestant} | {self.ratio:.3f} | {is_valid} "
            f"| {self.kept} of {planted} | {self.altered} | {self.seconds:.2f} |"
        )


def condenser(text: str, target: float | None) -> str:
    """Condenser without a service and without a model."""
    return compress_extractive(CompressOptions(text, target_ratio=target)).text


def headroom() -> Shorten | None:
    """headroom-ai's compression of a tool's output, None if it is not installed."""
    try:
        from headroom import compress
    except ImportError:
        print("headroom-ai: not installed in this environment, skipped\n")
        return None

    def shorten(text: str, target: float | None) -> str:
        messages = [
            {"role": "user", "content": "What does it say?"},
            {"role": "tool", "content": text, "tool_call_id": "1"},
        ]
        return str(compress(messages, model="gpt-4o").messages[-1]["content"])

    return shorten


_WORD = re.compile(r"[^\s\"'\[\]{}<>,:;|=/()]+")
_OWN = re.compile(
    r"\.\.\.(?: +(?:# |/\* )?\d+ "
    r"(?:(?:of(?: \d+)?|more|other|lines?|rows?|hunks?|files?|kinds?|like|this|until|in(?: \d+)?|left|out)\b[: ]*)*)?"
    r"|left out$|and \d+ more$|^@@ [-+, \d]+ @@|^#+ |# |/\* |\*/|<!--|-->"
    r"|\"(?:columns|rows|defaults)\":|\"left_out\":\d+|\|(?: -+ \|)+"
    r"|^\[\d+ lines (?:omitted|compressed)\b.*\]$",
    re.MULTILINE,
)
"""Marks that results contain for omitted parts; the last is headroom-ai's in logs."""


def measured(contestant: str, shorten: Shorten, sample: Sample) -> Row:
    """A text, shortened by a contestant."""
    started = time.process_time()
    result = shorten(sample.text, sample.target)
    seconds = time.process_time() - started
    try:
        is_valid = sample.is_valid(result)
    except (ValueError, csv.Error, configparser.Error, yaml.YAMLError, ElementTree.ParseError):
        is_valid = False
    kept = sum(all(value in result for value in values) for values in sample.anomalies)
    ratio = estimate_tokens(result) / estimate_tokens(sample.text)
    return Row(contestant, sample, ratio, is_valid, kept, altered(sample.text + sample.decoded, result), seconds)


def altered(text: str, result: str) -> int:
    """Number of values of a result that are not in its text, without marks of omissions and joined keys."""
    source_words = set(_WORD.findall(text))
    new_words = set(_WORD.findall(_OWN.sub(" ", result))) - source_words
    return sum(not set(word.removesuffix("?").split(".")) <= source_words for word in new_words)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help="prefixes of the names of kinds")
    parser.add_argument("--seed", type=int, default=16)
    arguments = parser.parse_args(argv)
    contestants: dict[str, Shorten | None] = {"Condenser": condenser, "headroom-ai": headroom()}
    print(
        "| text | target | | tokens | valid | anomalies | altered | s |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    is_met = True
    for samples in SAMPLES.values():
        for sample in samples(arguments.seed):
            if arguments.kinds and not sample.kind.startswith(tuple(arguments.kinds)):
                continue
            rows = [measured(name, shorten, sample) for name, shorten in contestants.items() if shorten]
            print("\n".join(map(str, rows)), flush=True)
            ours = rows[0]
            most = sample.most or 1.1 * (sample.target or 1.0)
            is_met = is_met and ours.is_valid and not ours.altered and ours.ratio <= most
            is_met = is_met and ours.kept == len(sample.anomalies)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
