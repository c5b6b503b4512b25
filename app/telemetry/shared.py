"""The metrics of several workers as one: any of them answers a scrape for all.

Counters and gauges are in files by prometheus_client's multiprocess mode. The figures of the last minute, which it does
not have, each worker writes down once a second; so those of the others are up to that old.
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

from app.telemetry.history import HistorySnapshot
from app.telemetry.window import WINDOW_S, Totals

PUBLISH_INTERVAL_S = 1.0
_HISTORY = TypeAdapter(HistorySnapshot)
_NOT_SUMS = {"process_start_time_seconds": min, "process_max_fds": min}


@dataclass(frozen=True, slots=True)
class WorkerFiles:
    """The files in `folder` of the worker `index`; `pids` tells the process ids of all that live."""

    folder: Path
    index: int
    pids: Callable[[], Iterable[int]]

    def open(self, refresh: Callable[[], None]) -> CollectorRegistry:
        """A registry of what all workers count; `refresh` is called before each look at it.

        From now on metrics of this process are in files. A worker that is started in place of another one goes on with
        its files, so that no counter falls.
        """
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        # The library looks at that variable when it is imported, which is before the settings are known.
        values.ValueClass = values.MultiProcessValue(lambda: self.index)  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        registry.register(_AllWorkers(self.folder, refresh))
        registry.register(_AllProcesses(self.pids))
        return registry

    def publish(self, totals: Totals, history: HistorySnapshot) -> None:
        """Let the other workers read what this one counted in the last minute, and its history."""
        _write(_last_minute(self.folder, self.index), json.dumps({"at": time.monotonic(), "totals": totals}).encode())
        _write(self.folder / _history_name(self.index), _HISTORY.dump_json(history))

    def own_history(self) -> HistorySnapshot | None:
        """What a worker that this one replaces had counted; None where it replaces none."""
        path = self.folder / _history_name(self.index)
        return _HISTORY.validate_json(path.read_bytes()) if path.exists() else None

    def histories_of_others(self) -> Iterable[HistorySnapshot]:
        """What the other workers counted, those too that have ended."""
        for path in self.folder.glob(_history_name("*")):
            if path.name != _history_name(self.index):
                yield _HISTORY.validate_json(path.read_bytes())

    def of_others(self) -> Iterable[Totals]:
        """What each of the other workers counted in its last minute."""
        for path in self.folder.glob("last_minute_*.json"):
            if path == _last_minute(self.folder, self.index):
                continue
            with suppress(FileNotFoundError):
                found = json.loads(path.read_text())
                if found["at"] > time.monotonic() - WINDOW_S:
                    yield found["totals"]


def forget_worker(folder: Path, index: int) -> None:
    """Remove what a worker said of its present, which has died."""
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
        found: Iterable[Metric] = self._files.collect()  # type: ignore[no-untyped-call]
        return found


class _AllProcesses(Collector):
    """The usual metrics of a process, summed over the workers."""

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
