"""`condenser acceptance`: checks a running service against the five criteria of this project.

A model answers; compression takes under 2 s; exact reconstruction takes under 500 ms and is byte for byte; over 80 % of
a cloud's price is saved; over 100 operations a minute. A sixth row compares the results with the texts, without the
service's own fact extraction: at least half of the figures and names of the texts must be present in the results, so
that a service that answers with little or nothing does not pass. Each other figure or name must be accounted for:
listed in `missing`, or inside a range of the source that the answer lists in `omitted`. The row reports both shares,
since what is only in an omitted range is not in the result.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import regex
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from app.ops.client import Answer, ServiceClient
from app.ops.trial import LENGTHS, Done, Progress, Trial

LONGEST_COMPRESSION_S = 2.0
LONGEST_RECONSTRUCTION_S = 0.5
LEAST_SAVINGS = 0.80
LEAST_PER_MINUTE = 100.0
LEAST_PRESENT = 0.50  # of figures and names, in the results
LARGEST_RATIO = 0.90  # of a long text's tokens

_FIGURES_AND_NAMES = regex.compile(r"\p{N}++(?:[.,:/]\p{N}++)*+|(?<=[\p{Ll},] )\p{Lu}\p{Ll}[\p{L}\-]++")
"""Figures, and capitalised words that do not start a sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """A criterion: the required value, the measured value, and whether it is met."""

    name: str
    required: str
    measured: str
    is_met: bool
    figures: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All rows, and the service that was measured."""

    url: str
    engine: str
    model: str
    rows: tuple[Row, ...]
    is_interrupted: bool = False

    @property
    def is_met(self) -> bool:
        """Whether every criterion is met."""
        return not self.is_interrupted and all(row.is_met for row in self.rows)

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "is_met": self.is_met}


def accept(client: ServiceClient, *, texts: int, rounds: int, say: Callable[[str], None]) -> Acceptance:
    """Measure the criteria with `rounds` texts of each length and `texts` texts for the throughput.

    Ctrl-C ends it with the rows measured so far. Raises CommandError if the service can't be reached or refuses a call.
    """
    ready = client.ready()
    rows = [_availability(ready)]
    engine, model = str(ready.get("engine")), str(ready.get("model"))
    if not rows[0].is_met:
        return Acceptance(client.url, engine, model, tuple(rows))
    before = _spent(client)
    trial = Trial(client, Progress(say))
    is_interrupted = False
    try:
        trial.run(texts, rounds)
    except KeyboardInterrupt:
        is_interrupted = True
    if any(trial.by_length.values()):
        rows.append(_latency(trial.by_length))
    if trial.reconstructed:
        rows.append(_reconstruction(trial.reconstructed))
    if trial.done:
        rows.append(_savings(before, _spent(client), trial.done))
    if trial.batch:
        rows.append(_throughput(trial.alone, trial.batch, trial.batch_s))
    if trial.done:
        rows.append(_fidelity(trial.done))
    return Acceptance(client.url, engine, model, tuple(rows), is_interrupted)


def _availability(ready: Answer) -> Row:
    is_met = bool(ready.get("ready"))
    where = f"{ready.get('model')} on {ready.get('engine')} {ready.get('engine_version') or ''}".strip()
    ratio = ready.get("gpu_ratio")
    measured = where if ratio is None else f"{where}, {ratio:.0%} on the GPU"
    return Row("model available", "ready", measured if is_met else str(ready.get("problem")), is_met, {"readyz": ready})


def _latency(by_length: dict[int, list[Done]]) -> Row:
    seconds = {length: [item.seconds for item in done] for length, done in by_length.items() if done}
    counted = {length: sum(item.is_counted for item in done) for length, done in by_length.items()}
    averages = ", ".join(
        f"{length:,}: {statistics.mean(times):.2f}/{max(times):.2f}{'' if counted[length] else ' without the model'}"
        for length, times in seconds.items()
    )
    is_met = any(counted.values()) and max(map(max, seconds.values())) < LONGEST_COMPRESSION_S
    measured = (
        f"{averages} s (average/maximum by characters)" if any(counted.values()) else "no call reached the engine"
    )
    figures: dict[str, object] = {"seconds_by_characters": seconds, "with_a_model_call": counted}
    return Row("compression", f"< {LONGEST_COMPRESSION_S:g} s", measured, is_met, figures)


def _reconstruction(reconstructed: Sequence[tuple[float, bool]]) -> Row:
    """`reconstructed`: the seconds of each reconstruction, and whether it was identical to the text."""
    seconds = [took_s for took_s, _ in reconstructed]
    identical = sum(is_identical for _, is_identical in reconstructed)
    is_met = identical == len(reconstructed) and max(seconds) < LONGEST_RECONSTRUCTION_S
    measured = f"{identical} of {len(reconstructed)} identical, {statistics.mean(seconds) * 1000:.1f} ms average, "
    measured += f"{max(seconds) * 1000:.1f} ms maximum"
    required = f"identical, < {LONGEST_RECONSTRUCTION_S * 1000:g} ms"
    return Row("exact reconstruction", required, measured, is_met, {"seconds": seconds, "identical": identical})


def _throughput(alone: Sequence[Done], batch: Sequence[Done], batch_s: float) -> Row:
    sequential = 60 * sum(item.is_counted for item in alone) / sum(item.seconds for item in alone)
    together = 60 * sum(item.is_counted for item in batch) / batch_s
    return Row(
        "throughput",
        f"> {LEAST_PER_MINUTE:g} a minute",
        f"{together:.0f} a minute by /batch, {sequential:.0f} one after the other",
        max(sequential, together) > LEAST_PER_MINUTE,
        {"batch_per_minute": together, "sequential_per_minute": sequential, "texts": len(alone)},
    )


def _spent(client: ServiceClient) -> dict[str, float]:
    """The service's counters of USD by basis."""
    families = text_string_to_metric_families(client.metrics())
    return {
        sample.labels["basis"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "condenser_cost_dollars_total"
    }


def _savings(before: dict[str, float], after: dict[str, float], done: Sequence[Done]) -> Row:
    cloud, local = (after.get(basis, 0) - before.get(basis, 0) for basis in ("cloud", "local"))
    answers_cloud = sum(item.answer["cost"]["cloud_usd"] for item in done)
    answers_local = sum(item.answer["cost"]["local_usd"] for item in done)
    ratio = 1 - local / cloud if cloud else 0.0
    # The counters include all work of the service; anything beyond our answers comes from other clients.
    is_alone = abs(cloud - answers_cloud) <= 0.02 * cloud and abs(local - answers_local) <= 0.02 * local
    measured = f"{ratio:.1%}: {local:.5f} here, {cloud:.5f} USD in a cloud"
    measured += (
        ""
        if is_alone
        else f" (includes other traffic: our answers account for {answers_local:.5f} and {answers_cloud:.5f})"
    )
    figures: dict[str, object] = {"ratio": ratio, "cloud_usd": cloud, "local_usd": local, "is_undisturbed": is_alone}
    figures |= {"answers_cloud_usd": answers_cloud, "answers_local_usd": answers_local}
    return Row("savings", f"> {LEAST_SAVINGS:.0%}", measured, ratio > LEAST_SAVINGS, figures)


def _fidelity(done: Sequence[Done]) -> Row:
    items_with_words = [(item, _figures_and_names(item.text)) for item in done]
    total = sum(len(words) for _, words in items_with_words)
    present = sum(_present(words, [item.answer["compressed"]]) for item, words in items_with_words)
    accounted = sum(
        _present(words, [item.answer["compressed"], *_reported_as_omitted(item)]) for item, words in items_with_words
    )
    facts = {name: sum(int(item.answer["fidelity"][name]) for item in done) for name in ("kept", "missing_count")}
    by_model = sum(int(item.answer["fidelity"]["summary"]["taken"]) for item in done)
    long = [item for item in done if len(item.text) > min(LENGTHS)]
    ratio = statistics.mean(item.answer["sizes"]["token_ratio"] for item in long or done)
    is_shorter = all(0 < len(item.answer["compressed"]) <= len(item.text) for item in done)
    figures = {"telling_words": total, "present": present, "accounted_for": accounted, "token_ratio": ratio}
    figures |= {**facts, "sentences_by_model": by_model}
    measured = (
        f"{present / total:.1%} of {total} figures and names present, {accounted / total:.1%} with those listed as "
    )
    measured += f"missing or omitted; {ratio:.2f} of the tokens over {min(LENGTHS)} characters; "
    measured += f"facts {facts['kept']} kept, {facts['missing_count']} missing; {by_model} sentences by the model"
    is_met = is_shorter and present / total >= LEAST_PRESENT and accounted == total and ratio < LARGEST_RATIO
    required = f">= {LEAST_PRESENT:.0%} present, the others missing or omitted, < {LARGEST_RATIO:.0%} of tokens"
    return Row("fidelity", required, measured, is_met, dict(figures))


def _figures_and_names(text: str) -> set[str]:
    return set(_FIGURES_AND_NAMES.findall(text))


def _reported_as_omitted(item: Done) -> list[str]:
    """Texts that the answer reports as not in the result: the missing facts that it lists, and the omitted ranges."""
    fidelity = item.answer["fidelity"]
    return [*fidelity["missing"], *(item.text[start:end] for start, end in fidelity["omitted"])]


def _present(words: Iterable[str], texts: Sequence[str]) -> int:
    joined = "\n".join(texts)
    return sum(word in joined for word in words)


def print_rows(acceptance: Acceptance, console: Console) -> None:
    """Write the table: green and red on a terminal, the verdicts in words everywhere."""
    table = Table(title=None, box=None, pad_edge=False)
    for heading in ("criterion", "required", "", "measured"):
        table.add_column(heading, overflow="fold")
    for row in acceptance.rows:
        verdict = "[green]met[/]" if row.is_met else "[bold red]missed[/]"
        table.add_row(row.name, row.required, verdict, row.measured)
    console.print(f"Condenser at {acceptance.url}, {acceptance.model} on the engine {acceptance.engine}")
    console.print(table)
    met = sum(row.is_met for row in acceptance.rows)
    summary = "all criteria met" if acceptance.is_met else f"{met} of {len(acceptance.rows)} criteria met"
    console.print(f"interrupted: {summary}, from the measurements so far" if acceptance.is_interrupted else summary)
