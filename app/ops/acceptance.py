"""`condenser acceptance`: the five criteria of the report behind this project, tried on a running service.

A model answers; compression takes under 2 s; exact reconstruction under 500 ms and byte for byte; over 80 % of a
cloud's price is saved; over 100 operations a minute. A sixth row holds the results against the texts without using the
service's own fact finder: at least half of the figures and names of the texts must be present in the results, so that a
service that answers little or nothing does not pass, and each other one must be accounted for, that is, be in `missing`
or inside a range of the source that the answer lists in `omitted`. The row tells both shares apart: what is only in an
omitted range is not in the result.
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

_TELLING = regex.compile(r"\p{N}++(?:[.,:/]\p{N}++)*+|(?<=[\p{Ll},] )\p{Lu}\p{Ll}[\p{L}\-]++")
"""Figures, and words that have a capital though no sentence begins with them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One criterion: what was wanted, what was found, and whether that is enough."""

    name: str
    wanted: str
    found: str
    is_met: bool
    figures: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All rows, and what they were measured on."""

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
        """All of it, for machines."""
        return {**asdict(self), "is_met": self.is_met}


def accept(client: ServiceClient, *, texts: int, rounds: int, say: Callable[[str], None]) -> Acceptance:
    """Try the criteria with `rounds` texts of each length and `texts` texts for the throughput.

    Ctrl-C ends it with the rows of what was measured by then. Raises CommandError where the service can't be reached or
    refuses a call.
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
    found = where if ratio is None else f"{where}, {ratio:.0%} on the GPU"
    return Row("model available", "ready", found if is_met else str(ready.get("problem")), is_met, {"readyz": ready})


def _latency(by_length: dict[int, list[Done]]) -> Row:
    seconds = {length: [one.seconds for one in done] for length, done in by_length.items() if done}
    counted = {length: sum(one.is_counted for one in done) for length, done in by_length.items()}
    told = ", ".join(
        f"{length:,}: {statistics.mean(some):.2f}/{max(some):.2f}{'' if counted[length] else ' without the model'}"
        for length, some in seconds.items()
    )
    is_met = any(counted.values()) and max(map(max, seconds.values())) < LONGEST_COMPRESSION_S
    found = f"{told} s (average/maximum by characters)" if any(counted.values()) else "no call reached the engine"
    figures: dict[str, object] = {"seconds_by_characters": seconds, "with_a_model_call": counted}
    return Row("compression", f"< {LONGEST_COMPRESSION_S:g} s", found, is_met, figures)


def _reconstruction(reconstructed: Sequence[tuple[float, bool]]) -> Row:
    """`reconstructed`: the seconds that each took, and whether it was the text."""
    seconds = [took_s for took_s, _ in reconstructed]
    identical = sum(is_identical for _, is_identical in reconstructed)
    is_met = identical == len(reconstructed) and max(seconds) < LONGEST_RECONSTRUCTION_S
    found = f"{identical} of {len(reconstructed)} identical, {statistics.mean(seconds) * 1000:.1f} ms average, "
    found += f"{max(seconds) * 1000:.1f} ms maximum"
    wanted = f"identical, < {LONGEST_RECONSTRUCTION_S * 1000:g} ms"
    return Row("exact reconstruction", wanted, found, is_met, {"seconds": seconds, "identical": identical})


def _throughput(alone: Sequence[Done], batch: Sequence[Done], batch_s: float) -> Row:
    one_by_one = 60 * sum(one.is_counted for one in alone) / sum(one.seconds for one in alone)
    together = 60 * sum(one.is_counted for one in batch) / batch_s
    return Row(
        "throughput",
        f"> {LEAST_PER_MINUTE:g} a minute",
        f"{together:.0f} a minute by /batch, {one_by_one:.0f} one after the other",
        max(one_by_one, together) > LEAST_PER_MINUTE,
        {"batch_per_minute": together, "sequential_per_minute": one_by_one, "texts": len(alone)},
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
    told_cloud = sum(one.answer["cost"]["cloud_usd"] for one in done)
    told_local = sum(one.answer["cost"]["local_usd"] for one in done)
    ratio = 1 - local / cloud if cloud else 0.0
    # Its counters have all that the service did; more than our answers tell of is somebody else's.
    is_alone = abs(cloud - told_cloud) <= 0.02 * cloud and abs(local - told_local) <= 0.02 * local
    found = f"{ratio:.1%}: {local:.5f} here, {cloud:.5f} USD in a cloud"
    found += "" if is_alone else f" (other traffic in it: the answers tell of {told_local:.5f} and {told_cloud:.5f})"
    figures: dict[str, object] = {"ratio": ratio, "cloud_usd": cloud, "local_usd": local, "is_undisturbed": is_alone}
    figures |= {"answers_cloud_usd": told_cloud, "answers_local_usd": told_local}
    return Row("savings", f"> {LEAST_SAVINGS:.0%}", found, ratio > LEAST_SAVINGS, figures)


def _fidelity(done: Sequence[Done]) -> Row:
    telling = [(one, _telling(one.text)) for one in done]
    total = sum(len(words) for _, words in telling)
    present = sum(_said(words, [one.answer["compressed"]]) for one, words in telling)
    accounted = sum(_said(words, [one.answer["compressed"], *_told_as_left_out(one)]) for one, words in telling)
    facts = {name: sum(int(one.answer["fidelity"][name]) for one in done) for name in ("kept", "missing_count")}
    by_model = sum(int(one.answer["fidelity"]["summary"]["taken"]) for one in done)
    long = [one for one in done if len(one.text) > min(LENGTHS)]
    ratio = statistics.mean(one.answer["sizes"]["token_ratio"] for one in long or done)
    is_shorter = all(0 < len(one.answer["compressed"]) <= len(one.text) for one in done)
    figures = {"telling_words": total, "present": present, "accounted_for": accounted, "token_ratio": ratio}
    figures |= {**facts, "sentences_by_model": by_model}
    found = f"{present / total:.1%} of {total} figures and names present, {accounted / total:.1%} with those told as "
    found += f"missing or omitted; {ratio:.2f} of the tokens over {min(LENGTHS)} characters; "
    found += f"facts {facts['kept']} kept, {facts['missing_count']} missing; {by_model} sentences by the model"
    is_met = is_shorter and present / total >= LEAST_PRESENT and accounted == total and ratio < LARGEST_RATIO
    wanted = f">= {LEAST_PRESENT:.0%} present, the others missing or omitted, < {LARGEST_RATIO:.0%} of tokens"
    return Row("fidelity", wanted, found, is_met, dict(figures))


def _telling(text: str) -> set[str]:
    return set(_TELLING.findall(text))


def _told_as_left_out(one: Done) -> list[str]:
    """What the answer says is not in the result: the missing facts that it lists, and the omitted ranges."""
    fidelity = one.answer["fidelity"]
    return [*fidelity["missing"], *(one.text[start:end] for start, end in fidelity["omitted"])]


def _said(words: Iterable[str], texts: Sequence[str]) -> int:
    said = "\n".join(texts)
    return sum(word in said for word in words)


def print_rows(found: Acceptance, console: Console) -> None:
    """Write the table: green and red on a terminal, words everywhere."""
    table = Table(title=None, box=None, pad_edge=False)
    for heading in ("criterion", "wanted", "", "found"):
        table.add_column(heading, overflow="fold")
    for row in found.rows:
        verdict = "[green]met[/]" if row.is_met else "[bold red]missed[/]"
        table.add_row(row.name, row.wanted, verdict, row.found)
    console.print(f"Condenser at {found.url}, {found.model} on the engine {found.engine}")
    console.print(table)
    met = sum(row.is_met for row in found.rows)
    summary = "all criteria met" if found.is_met else f"{met} of {len(found.rows)} criteria met"
    console.print(f"interrupted: {summary} by what was measured until then" if found.is_interrupted else summary)
