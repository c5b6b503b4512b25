"""Logs, stack traces and other output of similar lines: one line of each kind, with the count of the others.

Kinds of line are found by Drain (He, Zhu, Zheng and Lyu 2017) after variable parts (numbers, addresses, identifiers)
are masked. Each kind is split by severity and by rare values at positions with few distinct values.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from drain3.drain import Drain

from app.text.kinds.entries import Entry, Severity, entries, plain_number
from app.text.kinds.form import Kind, Part
from app.text.tokens import estimate_tokens

_SIMILARITY = 0.5  # two lines that share at least this part of their words are of one kind
_MOST_MINED = 2000  # distinct masked lines passed to Drain, whose time grows with their number
_MOST_KINDS = 200  # that Drain holds
_FEW = 3  # lines of a kind that are all shown
_COMMON = 20  # lines of a kind; in smaller kinds no value counts as rare
_RARE_SHARE = 0.01  # of the lines of a kind that have a rare value, at most
_MOST_VALUES = 8  # distinct values at a position that is searched for rare ones
_EXTREME = 20.0  # times the median: a greater number is an outlier
_MOST_OUTLIERS = 3  # of a kind
_MOST_BURSTS = 3
_BURST_GAP = 10  # times the median gap between lines of a kind: a longer gap starts a new burst
_MARK_TOKENS = 16
_SEVERITY_WORTH: Mapping[Severity, float] = {"error": 3.0, "warning": 2.0, "none": 0.0}
_FIRST_WORTH = 1.0
_RARE_WORTH = 1.5


@dataclass(frozen=True, slots=True)
class LogForm:
    """Entries of a log. `groups`: for each kind of line the numbers of its entries, in order."""

    kind: Kind
    start: int
    end: int
    parts: Sequence[Part]
    entries: Sequence[Entry]
    groups: Sequence[Sequence[int]]
    is_json: bool
    _text: str

    def render(self, chosen: Sequence[int]) -> str:
        """The chosen entries verbatim; after the first of a kind, how many more there were, until when."""
        taken = set(chosen)
        marks: dict[int, str] = {}
        unseen: list[Sequence[int]] = []
        for group in self.groups:
            left = [number for number in group if number not in taken]
            first = next((number for number in group if number in taken), None)
            if first is None:
                unseen.append(group)
            elif left:
                stamp = self.entries[left[-1]].stamp
                marks[first] = self._mark(f"{len(left)} more like this" + (f" until {stamp}" if stamp else ""))
        lines = []
        for number in chosen:
            lines.append(self._text[self.parts[number].start : self.parts[number].end])
            lines += [marks[number]] if number in marks else []
        if unseen:
            count = sum(map(len, unseen))
            lines.append(
                self._mark(f"{count} line{'s' * (count > 1)} of {len(unseen)} other kind{'s' * (len(unseen) > 1)}")
            )
        return "\n".join(lines)

    def _mark(self, summary: str) -> str:
        return f'{{"...": "{summary}"}}' if self.is_json else f"... {summary}"


def read(text: str, start: int, end: int) -> LogForm | None:
    """The form of a slice that is a log, a stack trace, or other output of mostly similar lines."""
    log_entries = entries(text, start, end)
    if not log_entries:
        return None
    groups = _groups(log_entries)
    worths = [_SEVERITY_WORTH[entry.severity] for entry in log_entries]
    shown: set[int] = set()
    for group in groups:
        worths[group.numbers[0]] += _FIRST_WORTH
        for number in _shown(group, log_entries):
            shown.add(number)
            worths[number] += _RARE_WORTH if group.is_rare or number in group.outliers else 0.0
        for number in group.numbers[_FEW:]:
            if number not in shown:  # a repetition
                worths[number] *= 0.1
    firsts = {group.numbers[0] for group in groups if len(group.numbers) > 1}
    parts = [
        Part(
            entry.start,
            entry.end,
            worth=worths[number],
            cost=estimate_tokens(text[entry.start : entry.end]) + (_MARK_TOKENS if number in firsts else 1),
            is_default=number in shown,
        )
        for number, entry in enumerate(log_entries)
    ]
    is_json = all(entry.is_json for entry in log_entries)
    return LogForm(
        "log",
        log_entries[0].start,
        log_entries[-1].end,
        parts,
        log_entries,
        [group.numbers for group in groups],
        is_json,
        text,
    )


@dataclass(slots=True)
class _Group:
    """Entries of one kind. `outliers`: those of them with an extreme number."""

    numbers: list[int]
    is_rare: bool = False
    outliers: set[int] = field(default_factory=set)


def _groups(log_entries: Sequence[Entry]) -> list[_Group]:
    by_kind: dict[tuple[Severity, object], list[int]] = defaultdict(list)
    miner = Drain(depth=4, sim_th=_SIMILARITY, max_clusters=_MOST_KINDS)
    mined: dict[str, object] = {}
    for number, entry in enumerate(log_entries):
        kind = mined.get(entry.masked)
        if kind is None:
            kind = mined[entry.masked] = _mine(miner, entry.masked, len(mined))
        by_kind[entry.severity, kind].append(number)
    groups = [group for numbers in by_kind.values() for group in _parted(numbers, log_entries)]
    return sorted(groups, key=lambda group: group.numbers[0])


def _mine(miner: Drain, masked: str, count: int) -> object:
    """The template of the kind of a masked line."""
    if count < _MOST_MINED:
        return miner.add_log_message(masked)[0].cluster_id
    words = masked.split()
    return (len(words), *words[:2])


def _parted(numbers: list[int], log_entries: Sequence[Entry]) -> Iterator[_Group]:
    """Split the entries of one kind by rare values, and mark those with an extreme number."""
    if len(numbers) < _COMMON:
        yield _Group(numbers, is_rare=len(numbers) <= _FEW)
        return
    rows = [log_entries[number].words for number in numbers]
    width = min(map(len, rows))
    rare: dict[int, tuple[int, str]] = {}
    outliers: set[int] = set()
    for place in range(width):
        column = [row[place] for row in rows]
        counts = Counter(column)
        if 1 < len(counts) <= _MOST_VALUES:
            few = {value for value, count in counts.items() if count <= max(1, _RARE_SHARE * len(column))}
            rare.update({at: (place, value) for at, value in enumerate(column) if value in few} if few else {})
        elif len(counts) > _MOST_VALUES:
            outliers.update(numbers[at] for at in _extremes(column))
    apart: dict[tuple[int, str] | None, list[int]] = defaultdict(list)
    for at, number in enumerate(numbers):
        apart[rare.get(at)].append(number)
    for value, group in apart.items():
        yield _Group(group, is_rare=value is not None, outliers=outliers.intersection(group))


def _extremes(column: Sequence[str]) -> list[int]:
    """The places of numbers far above the others; none if there are more than _MOST_OUTLIERS."""
    numbers = [_number(value) for value in column]
    values = [number for number in numbers if number is not None]
    if len(values) < len(column) // 2 or not values:
        return []
    most = _EXTREME * max(median(values), 1.0)
    outliers = [at for at, number in enumerate(numbers) if number is not None and number > most]
    return outliers if len(outliers) <= _MOST_OUTLIERS else []


def _number(value: str) -> float | None:
    """The number at the end of a word such as `took=12.5ms`, without its unit."""
    digits = (
        value.rpartition("=")[2].strip("()[],;:\"'").rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ%")
    )
    return plain_number(digits)


def _shown(group: _Group, log_entries: Sequence[Entry]) -> set[int]:
    """The entries that represent a kind: the first; for errors and warnings the first and last of a burst."""
    numbers = group.numbers
    if len(numbers) <= _FEW and (group.is_rare or log_entries[numbers[0]].severity != "none"):
        return set(numbers)
    shown = {numbers[0], *group.outliers}
    if log_entries[numbers[0]].severity == "none":
        return shown
    for burst in _bursts(numbers)[:_MOST_BURSTS]:
        shown |= {burst[0], burst[-1]}
    return shown


def _bursts(numbers: Sequence[int]) -> list[list[int]]:
    """Runs of entries that follow each other closely, the longest first."""
    gaps = [second - first for first, second in pairwise(numbers)]
    widest = _BURST_GAP * max(1.0, median(gaps)) if gaps else 0
    bursts = [[numbers[0]]]
    for gap, number in zip(gaps, numbers[1:], strict=True):
        if gap > widest:
            bursts.append([])
        bursts[-1].append(number)
    return sorted(bursts, key=len, reverse=True)
