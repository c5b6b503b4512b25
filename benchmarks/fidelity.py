"""How much of a text's meaning is in its result: Condenser, the first sentences, and the bare model.

    .venv/bin/python -m benchmarks.fidelity                                # in this process, without a model
    .venv/bin/python -m benchmarks.fidelity --embedded                     # starts the service on the embedded model
    .venv/bin/python -m benchmarks.fidelity --engine http://host:11434     # starts it with an Ollama or OpenAI API
    .venv/bin/python -m benchmarks.fidelity --url http://host:8000         # a running service

Every text of `corpus/` is shortened in each way, at each --ratio and without a target. A first-sentences row has as
many tokens as Condenser's result of the same text. The bare model, if there is one, is asked for a summary in plain
words. Columns:
  facts in sentences   hand-marked facts in whole sentences, rows or lines of the result; fragments do not count
  facts                hand-marked facts anywhere in the result, verbatim
  answers              questions whose answer is in the result
  tokens               mean tokens of the result, divided by the source's; all are estimated in the same way
  used                 share of texts over 200 tokens whose result has 0.85 to 1.1 of the target; the largest value
  fragments            share of the result's lines that contain a part of a sentence of the source
  invented             number of figures and capitalised words in the model's passages that the source does not contain
  round trip           share of texts that the capsule restores byte for byte
  s                    seconds per text
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from app.capsule.format import unseal
from app.compression.compressor import CompressOptions, compress_extractive
from app.engine.client import Prompt
from app.text.tokens import estimate_tokens
from benchmarks.corpus import Marked, load
from benchmarks.measures import fold, head, invented_figures, invented_names, mean, row
from benchmarks.model import is_ollama, open_model
from benchmarks.processes import served
from benchmarks.sentences import Boundaries, first_sentences, pieces, share_of_fragments

PLAIN_PROMPT = "Summarize the following text in 50-100 tokens, preserving key facts and entities:\n\n"
PLAIN_TOKENS = 100
RATIOS = (0.4, 0.5)
_LEAST_TOKENS = 200  # of a text that should use its budget
_LEAST_USED, _MOST_USED = 0.85, 1.1
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Shortened:
    """The output of a way. `by_model`: the model's part. `is_exact`: the text was restored; None if not tested."""

    output: str
    by_model: str = ""
    is_exact: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one way for one text: counts, and tokens divided by the source's."""

    way: str
    text: str
    target: float | None
    source_tokens: int
    ratio: float
    facts: int
    facts_present: int
    facts_in_sentences: int
    questions: int
    answered: int
    fragments: int
    lines: int
    invented: tuple[str, ...]
    is_exact: bool | None
    seconds: float

    @property
    def used(self) -> float | None:
        """Used share of its budget; None without a target or for a short text."""
        return self.ratio / self.target if self.target and self.source_tokens > _LEAST_TOKENS else None


Way = Callable[[str, float | None], Shortened]


def in_process(text: str, target: float | None) -> Shortened:
    """The result without a model, in this process."""
    made = compress_extractive(CompressOptions(text, target_ratio=target))
    return Shortened(made.text, "", unseal(made.capsule, _MOST_BYTES).source == text)


def through_service(client: httpx.Client) -> Way:
    """The service's result, with an exact reconstruction of each text."""

    def shorten(text: str, target: float | None) -> Shortened:
        answer = _posted(client, "/compress", {"text": text} | ({"target_ratio": target} if target else {}))
        back = _posted(client, "/reconstruct", {"capsule": answer["capsule"], "mode": "exact"})
        output = answer["compressed"]
        return Shortened(output, by_model(output, answer["fidelity"]), back["text"] == text)

    return shorten


def by_model(text: str, fidelity: dict[str, Any] | None) -> str:
    """The part of a result that the model wrote, according to `fidelity` of the answer."""
    passages = (passage for passage in fidelity["passages"] if passage["by"] == "model") if fidelity else ()
    return " ".join(text[passage["start"] : passage["end"]] for passage in passages)


def _posted(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def by_bare_model(url: str, model: str) -> Way:
    """The model's summary for a plain prompt, without the target."""

    async def written(text: str) -> str:
        async with open_model(url, model) as asked:
            return (await asked.complete(Prompt("", PLAIN_PROMPT + text), num_predict=PLAIN_TOKENS)).text

    def shorten(text: str, target: float | None) -> Shortened:
        output = asyncio.run(written(text))
        return Shortened(output, output)

    return shorten


def scored(way: str, marked: Marked, target: float | None, made: Shortened, seconds: float) -> Row:
    """How much of the text `made` contains."""
    source_tokens = estimate_tokens(marked.text)
    result_pieces = pieces(Boundaries(marked.text), made.output)
    whole = fold(" ".join("\0" if piece.kind == "fragment" else piece.text for piece in result_pieces))
    fragments, lines = share_of_fragments(result_pieces)
    output = fold(made.output)
    invented = (*invented_figures(marked.text, made.by_model), *invented_names(marked.text, made.by_model))
    return Row(
        way=way,
        text=marked.name,
        target=target,
        source_tokens=source_tokens,
        ratio=estimate_tokens(made.output) / source_tokens,
        facts=len(marked.facts),
        facts_present=sum(fold(fact) in output for fact in marked.facts),
        facts_in_sentences=sum(fold(fact) in whole for fact in marked.facts),
        questions=len(marked.questions),
        answered=sum(fold(answer) in output for _, answer in marked.questions),
        fragments=fragments,
        lines=lines,
        invented=invented,
        is_exact=made.is_exact,
        seconds=seconds,
    )


def measured(texts: Sequence[Marked], condenser: Way, bare: Way | None, ratios: Sequence[float]) -> Iterator[Row]:
    """All texts by all ways."""
    for marked in texts:
        for target in (*ratios, None):
            started = time.perf_counter()
            made = condenser(marked.text, target)
            yield scored("Condenser", marked, target, made, time.perf_counter() - started)
            lead = first_sentences(Boundaries(marked.text), estimate_tokens(made.output))
            yield scored("first sentences", marked, target, Shortened(lead), 0.0)
        if bare is not None:
            started = time.perf_counter()
            made = bare(marked.text, None)
            yield scored("bare model", marked, None, made, time.perf_counter() - started)


def table(rows: Sequence[Row]) -> str:
    """The table, a line for each way and target."""
    columns = "facts in sentences|facts|answers|tokens|used, most|fragments|invented|round trip|s".split("|")
    lines = [head(["", "target", *columns])]
    for way, target in sorted({(entry.way, entry.target or 2.0) for entry in rows}, key=lambda key: (key[1], key[0])):
        own = [entry for entry in rows if (entry.way, entry.target or 2.0) == (way, target)]
        lines.append(row((way, "none" if target == 2.0 else target, *_cells(own))))
    return "\n".join(lines)


def _cells(rows: Sequence[Row]) -> Iterator[str]:
    facts = sum(entry.facts for entry in rows)
    yield f"{sum(entry.facts_in_sentences for entry in rows) / facts:.1%}"
    yield f"{sum(entry.facts_present for entry in rows) / facts:.1%}"
    yield f"{sum(entry.answered for entry in rows) / sum(entry.questions for entry in rows):.1%}"
    yield f"{mean([entry.ratio for entry in rows]):.2f}"
    used = [entry.used for entry in rows if entry.used is not None]
    yield f"{mean([_LEAST_USED <= entry <= _MOST_USED for entry in used]):.0%}, {max(used):.2f}" if used else "-"
    yield f"{sum(entry.fragments for entry in rows) / max(1, sum(entry.lines for entry in rows)):.1%}"
    yield str(sum(len(entry.invented) for entry in rows))
    exact = [entry.is_exact for entry in rows if entry.is_exact is not None]
    yield f"{mean(exact):.0%}" if exact else "-"
    yield f"{mean([entry.seconds for entry in rows]):.3g}"


@contextmanager
def service(url: str | None, engine: str | None = None, model: str | None = None) -> Iterator[httpx.Client]:
    """A client of the service at `url`, or of a service that is started with `engine`, else on the embedded model."""
    if url is not None:
        with httpx.Client(base_url=url, timeout=1200, trust_env=False) as client:
            yield client
        return
    settings: dict[str, object] = {"engine": "embedded", "log_level": "WARNING", "request_timeout_s": 900}
    if engine is not None:
        address = engine.rstrip("/").removesuffix("/v1")
        openai = {"engine": "openai", "openai_url": f"{address}/v1"}
        settings |= {"engine": "ollama", "ollama_url": address} if asyncio.run(is_ollama(engine)) else openai
        settings |= {"max_concurrency": 1} | ({"model": model} if model else {})
    with (
        served(None, **settings) as process,
        httpx.Client(base_url=process.url, timeout=1200, trust_env=False) as client,
    ):
        yield client


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="address of a running service")
    where.add_argument("--engine", help="address of an Ollama or an OpenAI API")
    where.add_argument("--embedded", action="store_true", help="the service on the embedded model")
    parser.add_argument("--model", help="the engine's model, with --engine")
    parser.add_argument("--ratio", type=float, nargs="+", default=RATIOS, help="target ratios")
    parser.add_argument("--only", default="", help="only texts whose name contains this")
    parser.add_argument("--show", action="store_true", help="print the invented figures and names of each text")
    parser.add_argument("--json", type=Path, help="file for all values")
    arguments = parser.parse_args()
    texts = [marked for marked in load() if arguments.only in marked.name]
    if arguments.url or arguments.engine or arguments.embedded:
        with service(arguments.url, arguments.engine, arguments.model) as client:
            ready = client.get("/readyz").json()
            bare = by_bare_model(ready["engine_url"], ready["model"])
            rows = list(measured(texts, through_service(client), bare, arguments.ratio))
    else:
        rows = list(measured(texts, in_process, None, arguments.ratio))
    print(f"{len(texts)} texts, {sum(len(marked.facts) for marked in texts)} marked facts\n")
    print(table(rows))
    if arguments.show:
        for entry in rows:
            print(
                *([entry.way, entry.target, entry.text, *entry.invented] if entry.invented else []),
                end="\n" * bool(entry.invented),
            )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(entry) for entry in rows], ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
