"""Processor time of the service's own work on a text, by stage, without HTTP and the engine.

    .venv/bin/python -m benchmarks.work                  # over the corpus, each text cut to 2 kB; then up to 1 MB
    .venv/bin/python -m benchmarks.work --profile 30     # and the 30 slowest functions

Stages: read (blocks, units, facts, stems), check (a summary of four sentences, one of them with a wrong figure), select
(a target of 0.4), report (the result and what is missing), seal. Each time is the minimum of several runs, which other
work on the machine disturbs least; the table has mean, median and maximum over the texts in milliseconds. Then the same
for texts of 10 kB to 1 MB in milliseconds per kB, which is constant if the work is linear.
"""

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.capsule.format import seal
from app.compression.prompts import INSTRUCTIONS
from app.summary.check import Claim, judge
from app.summary.draft import split_draft, well_formed
from app.summary.evidence import Evidence
from app.summary.report import compose, report
from app.summary.select import SelectionOptions, select
from app.summary.sentence import sentence_of
from app.text.document import Document, read
from app.text.tokens import estimate_tokens
from benchmarks.corpus import load
from benchmarks.measures import head, mean, row
from benchmarks.sentences import Boundaries

SIZE = 2_000  # bytes of UTF-8, cut at a whole character
SIZES = (10_000, 100_000, 1_000_000)
RUNS = 9
TARGET = 0.4
STAGES = ("read", "check", "select", "report", "seal")
_SENTENCES = 4

Times = dict[str, float]


def cut(text: str, size: int) -> str:
    """The first `size` bytes of a text."""
    return text.encode()[:size].decode(errors="ignore")


def draft_of(text: str) -> str:
    """Four sentences from all over a text, the last with a wrong figure, as a model might write them."""
    source = Boundaries(text)
    count = len(source.sentences)
    chosen = sorted({at * count // _SENTENCES for at in range(_SENTENCES)})
    sentences = [" ".join(source.text_of(source.sentences[at]).split()) for at in chosen]
    return " ".join([*sentences[:-1], f"In all 98765 {sentences[-1]}"]) if sentences else ""


def worked(text: str, draft: str) -> Times:
    """Processor seconds of each stage of one compression."""
    times: Times = {}
    started = time.process_time()

    def ended(stage: str) -> None:
        nonlocal started
        now = time.process_time()
        times[stage] = now - started
        started = time.process_time()

    document = prepared(text)
    ended("read")
    claims = checked(document, draft)
    ended("check")
    tokens = estimate_tokens(text)
    chosen = select(document, claims, SelectionOptions(int(TARGET * tokens), 0.8))
    ended("select")
    slices: list[Claim | int] = [*(claims[at] for at in chosen.claims), *sorted(chosen.units)]
    result, passages = compose(document, slices)
    report(document, result, passages, chosen.units)
    ended("report")
    seal(text, result, fidelity="exact", tokens=tokens, model="qwen2.5:7b-instruct", prompt_version="3")
    ended("seal")
    return times


def prepared(text: str) -> Document:
    """The document, with its cached properties computed."""
    document = read(text)
    _ = document.facts, document.stems, document.costs, document.frequencies
    return document


def checked(document: Document, draft: str) -> list[Claim]:
    """The sentences of a draft that pass the check."""
    sentence_of.cache_clear()  # an earlier run has computed the features of the same sentences
    evidence = Evidence(document)
    claims = []
    for sentence in split_draft(draft):
        judgement = judge(sentence, evidence)
        if well_formed(sentence, document, INSTRUCTIONS) is None and judgement.reason is None:
            claims.append(Claim(sentence, judgement.support, judgement.units))
    return claims


def least(text: str, runs: int) -> Times:
    """The minimum of several runs for each stage."""
    draft = draft_of(text[:20_000])
    runs_times = [worked(text, draft) for _ in range(runs)]
    return {stage: min(times[stage] for times in runs_times) for stage in STAGES}


def table(texts: Sequence[str]) -> str:
    """A row for each stage, milliseconds over the texts."""
    times_of_texts = [least(text, RUNS) for text in texts]
    lines = [head(("stage", "mean ms", "median ms", "worst ms"))]
    for name, stages in (*((stage, (stage,)) for stage in STAGES), ("all", STAGES)):
        values = [1000 * sum(times[stage] for stage in stages) for times in times_of_texts]
        lines.append(row((name, *(f"{v:.2f}" for v in (mean(values), statistics.median(values), max(values))))))
    return "\n".join(lines)


def growth(source: str, sizes: Sequence[int]) -> str:
    """A row for each size, milliseconds per kB by stage."""
    lines = [head(("size", *(f"{stage}, ms a kB" for stage in (*STAGES, "all"))))]
    for size in sizes:
        times = least(cut(source * (size // len(source.encode()) + 1), size), 3 if size <= 100_000 else 1)
        values = [*times.values(), sum(times.values())]
        lines.append(row((f"{size / 1000:g} kB", *(f"{1e6 * value / size:.3f}" for value in values))))
    return "\n".join(lines)


def profiled(work: Callable[[], Any], most: int) -> None:
    """Print the `most` functions with the most time of their own."""
    profile = cProfile.Profile()
    profile.runcall(work)
    pstats.Stats(profile).sort_stats("tottime").print_stats(most)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=int, metavar="N", help="print the N slowest functions")
    parser.add_argument("--prose", action="store_true", help="only prose")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="bytes of the larger texts")
    arguments = parser.parse_args()
    corpus = [marked for marked in load() if not arguments.prose or marked.kind == "prose"]
    texts = [cut(marked.text, SIZE) for marked in corpus if len(marked.text.encode()) >= SIZE]
    print(f"{len(texts)} texts of {SIZE / 1000:g} kB, least of {RUNS} runs\n\n{table(texts)}\n")
    if arguments.sizes:
        print(growth("\n\n".join(marked.text for marked in corpus if marked.kind == "prose"), arguments.sizes))
    if arguments.profile:
        drafts = [(text, draft_of(text)) for text in texts]
        profiled(lambda: [worked(text, draft) for text, draft in drafts], arguments.profile)


if __name__ == "__main__":
    main()
