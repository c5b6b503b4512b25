"""What becomes of structured text: tokens, validity, anomalies kept, values altered, seconds, beside a published peer.

    .venv/bin/python -m benchmarks.kinds                   # all kinds
    .venv/bin/python -m benchmarks.kinds json csv          # those whose name begins so

Each row is a text of one kind, generated from a seed, with rare records planted in it. *tokens*: of the result over
those of the text. *valid*: the result is read by an independent parser of its kind. *anomalies*: planted ones whose
every value is in the result. *altered*: values of the result that are not in the text. `headroom-ai` takes part in the
same run where it is installed. Whoever adds a kind adds a function that generates it to `SAMPLES`.
"""

import argparse
import configparser
import csv
import io
import json
import random
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import yaml
from defusedxml import ElementTree

from app.summary.select import Wish, select
from app.text.document import Document
from app.text.tokens import estimate_tokens

Shorten = Callable[[str, float | None], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of a kind, with what is planted in it.

    `target`: the wish for its size, None for what its form gives. `is_valid` raises, or is false, where a result is not
    of the kind. `anomalies`: strings that stand together in a result that has the anomaly. `most`: the ratio asked for.
    """

    kind: str
    text: str
    target: float | None
    is_valid: Callable[[str], bool]
    anomalies: tuple[tuple[str, ...], ...] = ()
    most: float | None = None


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
        return (
            f"| {self.sample.kind} | {target} | {self.contestant} | {self.ratio:.3f} | {'yes' if self.is_valid else 'NO'} "
            f"| {self.kept} of {planted} | {self.altered} | {self.seconds:.2f} |"
        )


def condenser(text: str, target: float | None) -> str:
    """The choice and the form, without the service around them and without a model."""
    raise NotImplementedError


# Validity


def is_json(result: str) -> bool:
    json.loads(result)
    return True


def is_ndjson(result: str) -> bool:
    return all(isinstance(json.loads(line), dict | list) for line in result.splitlines())


def is_table(columns: int, delimiter: str = ",") -> Callable[[str], bool]:
    """Whether each row has as many fields, but one that says how many are left out."""

    def check(result: str) -> bool:
        rows = [row for row in csv.reader(io.StringIO(result), delimiter=delimiter, strict=True) if row]
        return bool(rows) and all(len(row) == columns or row[0].startswith("...") for row in rows)

    return check


def is_markdown(columns: int) -> Callable[[str], bool]:
    def check(result: str) -> bool:
        lines = result.splitlines()
        rows = [line.strip("| ").split("|") for line in lines if not line.startswith("| ...")]
        return len(rows) > 2 and set(lines[1]) <= set("|-: ") and all(len(row) == columns for row in rows)

    return check


def is_yaml(result: str) -> bool:
    return isinstance(yaml.safe_load(result), dict)


def is_toml(result: str) -> bool:
    return bool(tomllib.loads(result))


def is_ini(result: str) -> bool:
    parser = configparser.RawConfigParser()
    parser.read_string(result)
    return bool(parser.sections())


def is_env(result: str) -> bool:
    return all(re.match(r"[A-Z]\w*=|#", line) for line in result.splitlines())


def is_xml(result: str) -> bool:
    return bool(len(ElementTree.fromstring(result)))
