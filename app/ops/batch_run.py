"""`condenser batch`: sends many items through `/batch` and writes each result to disk when it arrives."""

import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.ops.client import ServiceClient
from app.ops.exits import UNREACHABLE, USAGE, CommandError
from app.ops.inputs import Item, Unreadable

_MOST_ITEMS = 100  # in one request
_MOST_CHARACTERS = 4_000_000  # in one request, unless a single item is larger
_REQUESTS = 2  # concurrent requests, so that the engine does not wait between the end of one and the next


@dataclass(slots=True)
class Tally:
    """Counts of a batch's items so far."""

    skipped: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def ended(self) -> int:
        """Items that need no more work in this run."""
        return self.skipped + self.succeeded + self.failed


def finished_keys(out: Path) -> set[str]:
    """The keys of the items that have a result in `out`. Removes an incomplete last line. Raises CommandError."""
    if not out.exists():
        return set()
    try:
        data = out.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            out.write_bytes(whole)
        lines = [json.loads(line) for line in whole.splitlines()]
        return {line["key"] for line in lines if "result" in line}
    except OSError as error:
        raise CommandError(f"can't read {out}: {error.strerror}", USAGE) from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{out} is not an output of `condenser batch`; use another file", USAGE) from None


def run_batch(
    client: ServiceClient,
    operation: str,
    items: Sequence[Item | Unreadable],
    out: Path,
    on_progress: Callable[[Tally], None],
) -> Tally:
    """Process the items without a result in `out`, and append a line for each when it is ready; returns the counts.

    A line has `name`, `key`, and `result` or `problem`. An unreadable item gets a problem. Raises CommandError if the
    service can't continue; results so far are in `out`.
    """
    done = finished_keys(out)
    tally = Tally()
    todo: dict[str, list[Item]] = {}
    try:
        file = out.open("a", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"can't write {out}: {error.strerror}", USAGE) from None
    with file:

        def note(name: str, key: str, **outcome: object) -> None:
            file.write(json.dumps({"name": name, "key": key, **outcome}, ensure_ascii=False) + "\n")
            file.flush()

        for item in items:
            if isinstance(item, Unreadable):
                note(item.name, "", problem={"title": "Unreadable", "detail": f"{item.name} {item.reason}"})
                tally.failed += 1
            elif item.key in done:
                tally.skipped += 1
            else:
                todo.setdefault(item.key, []).append(item)
        on_progress(tally)
        for key, result in _results(client, operation, [alike[0] for alike in todo.values()]):
            outcome = {name: result[name] for name in ("result", "problem") if result.get(name) is not None}
            for item in todo[key]:
                note(item.name, key, **outcome)
                if "result" in outcome:
                    tally.succeeded += 1
                else:
                    tally.failed += 1
                on_progress(tally)
    return tally


def _requests(todo: Sequence[Item]) -> Iterator[list[Item]]:
    """The items, grouped into requests of limited size."""
    request: list[Item] = []
    size = 0
    for item in todo:
        length = sum(len(value) for value in item.body.values() if isinstance(value, str))
        if request and (len(request) == _MOST_ITEMS or size + length > _MOST_CHARACTERS):
            yield request
            request, size = [], 0
        request.append(item)
        size += length
    if request:
        yield request


_Arrival = tuple[str, dict[str, Any]] | CommandError | None


def _results(client: ServiceClient, operation: str, todo: Sequence[Item]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The key of each item and its result as they arrive, from a few concurrent requests."""
    arrived: queue.Queue[_Arrival] = queue.Queue()
    pending = _requests(todo)
    turn = threading.Lock()

    def next_request() -> list[Item] | None:
        with turn:
            return next(pending, None)

    def work() -> None:
        try:
            while request := next_request():
                for answer in _answered(client, operation, request):
                    arrived.put(answer)
        except CommandError as error:
            arrived.put(error)
        finally:
            arrived.put(None)

    # Daemons, so that Ctrl-C ends the command at once: the service sees the connections close and cancels the rest.
    for _ in range(_REQUESTS):
        threading.Thread(target=work, daemon=True).start()
    yield from _until_all_ended(arrived)


def _answered(client: ServiceClient, operation: str, request: Sequence[Item]) -> Iterator[tuple[str, dict[str, Any]]]:
    seen = 0
    for line in client.batch_lines(operation, [item.body for item in request]):
        seen += 1
        yield request[line["index"]].key, line
    if seen < len(request):
        raise CommandError("the service ended its answer before it was complete", UNREACHABLE)


def _until_all_ended(arrived: "queue.Queue[_Arrival]") -> Iterator[tuple[str, dict[str, Any]]]:
    working = _REQUESTS
    failure: CommandError | None = None
    while working:
        arrival = arrived.get()
        if arrival is None:
            working -= 1
        elif isinstance(arrival, CommandError):
            failure = arrival
        else:
            yield arrival
    if failure is not None:
        raise failure
