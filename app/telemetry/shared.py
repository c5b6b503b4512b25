"""Metrics of several workers, combined: any of them answers a scrape for all.

Counters and gauges are in files, by prometheus_client's multiprocess mode. It has no figures of the last minute, so
each worker writes them once a second; those of other workers are up to a second old.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, multiprocess, values
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pydantic import TypeAdapter

from app.telemetry.gauges import Totals
from app.telemetry.history import HistorySnapshot
from app.telemetry.window import WINDOW_S

PUBLISH_INTERVAL_S = 1.0
_HISTORY = TypeAdapter(HistorySnapshot)
_NOT_SUMS = {"process_start_time_seconds": min, "process_max_fds": min}


@dataclass(frozen=True, slots=True)
class WorkerFiles:
    """Files in `folder` of the worker `index`; `pids` returns the process ids of all running workers."""

    folder: Path
    index: int
    pids: Callable[[], Iterable[int]]

    def open(self, refresh: Callable[[], None]) -> CollectorRegistry:
        """A registry with the counts of all workers; `refresh` is called before each read.

        From now on this process keeps its metrics in files. A worker that replaces another one continues its files, so
        that no counter falls.
        """
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        # The library reads that variable when it is imported, which is before the settings are known.
        values.ValueClass = values.MultiProcessValue(lambda: self.index)  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        registry.register(_AllWorkers(self.folder, refresh))
        registry.register(_AllProcesses(self.pids))
        return registry

    def publish(self, totals: Totals, history: HistorySnapshot) -> None:
        """Write this worker's counts of the last minute and its history for the other workers."""
        _write(_last_minute(self.folder, self.index), json.dumps({"at": time.monotonic(), "totals": totals}).encode())
        _write(self.folder / _history_name(self.index), _HISTORY.dump_json(history))

    def own_history(self) -> HistorySnapshot | None:
        """Counts of the worker that this one replaces; None if it replaces none."""
        path = self.folder / _history_name(self.index)
        return _HISTORY.validate_json(path.read_bytes()) if path.exists() else None

    def histories_of_others(self) -> Iterable[HistorySnapshot]:
        """Counts of the other workers, including those that have exited."""
        for path in self.folder.glob(_history_name("*")):
            if path.name != _history_name(self.index):
                yield _HISTORY.validate_json(path.read_bytes())

    def of_others(self) -> Iterable[Totals]:
        """Counts of each of the other workers for the last minute."""
        for path in self.folder.glob("last_minute_*.json"):
            if path == _last_minute(self.folder, self.index):
                continue
            with suppress(FileNotFoundError):
                published = json.loads(path.read_text())
                if published["at"] > time.monotonic() - WINDOW_S:
                    yield published["totals"]


def forget_worker(folder: Path, index: int) -> None:
    """Remove the current values of a worker that died."""
    multiprocess.mark_process_dead(index, str(folder))  # type: ignore[no-untyped-call]
    _last_minute(folder, index).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _history_name(index: int | str) -> str:
    return f"history_{index}.json"


def _last_minute(folder: Path, index: int) -> Path:
    return folder / f"last_minute_{index}.json"


class _AllWorkers(Collector):
    def __init__(self, folder: Path, refresh: Callable[[], None]) -> None:
        self._files = multiprocess.MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]
        self._refresh = refresh

    def collect(self) -> Iterable[Metric]:
        self._refresh()
        metrics: Iterable[Metric] = self._files.collect()  # type: ignore[no-untyped-call]
        return metrics


class _AllProcesses(Collector):
    """The usual process metrics, summed over the workers."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        values_by_name: dict[str, list[float]] = {}
        metrics: dict[str, Metric] = {}
        for pid in self._pids():
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                metrics[metric.name] = metric
                for sample in metric.samples:
                    values_by_name.setdefault(sample.name, []).append(sample.value)
        for metric in metrics.values():
            metric.samples = [
                sample._replace(value=_NOT_SUMS.get(sample.name, sum)(values_by_name[sample.name]))
                for sample in metric.samples
            ]
        return metrics.values()
