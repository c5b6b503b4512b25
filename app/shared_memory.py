"""Numbers that all workers of a service share.

A worker can be killed at any moment. So each writes only to its own entries of the columns, with few exceptions, each a
single number. What a dead worker held is released by setting its entries to 0, and nothing is left half done.
"""

import asyncio
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Protocol

_BYTES = 8
_WAKE = b"\0"


class Cells(Protocol):
    """Numbers by their position."""

    def __getitem__(self, place: int, /) -> float: ...

    def __setitem__(self, place: int, value: float, /) -> None: ...

    def __iter__(self) -> Iterator[float]: ...

    def __len__(self) -> int: ...


class Column:
    """A number for each worker."""

    __slots__ = ("_cells", "_own")

    def __init__(self, cells: Cells, own: int) -> None:
        self._cells = cells
        self._own = own

    @property
    def own(self) -> float:
        """This worker's number."""
        return self._cells[self._own]

    @own.setter
    def own(self, value: float) -> None:
        self._cells[self._own] = value

    @property
    def total(self) -> int:
        """The sum over all workers, if the sum has a meaning."""
        return int(sum(self._cells))

    def __getitem__(self, worker: int) -> float:
        return self._cells[worker]

    def __setitem__(self, worker: int, value: float) -> None:
        self._cells[worker] = value


class Memory:
    """Memory of a service with a single worker: nothing is shared, so there is no lock.

    As a context manager it is the lock for reading and changing values that other workers may change.
    """

    workers = 1
    index = 0

    def column(self) -> Column:
        """A number for each worker, initially 0; reset to 0 when that worker dies."""
        return Column([0.0], 0)

    def cells(self, count: int) -> Cells:
        """This many numbers that all workers share, initially 0."""
        return [0.0] * count

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def wake(self, worker: int) -> None:
        """Run the function that another worker gave to `on_wake`."""

    def on_wake(self, callback: Callable[[], object]) -> None:
        """Set the function to run when another worker has changed something for this one, or has died."""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """React to `wake` during the block, in the running event loop."""
        yield


class SharedMemory(Memory):
    """Memory of several workers: created by the process that forks them; each worker then calls `attach`.

    All workers must ask for columns and cells in the same order. They do so because they have the same settings.
    """

    def __init__(self, workers: int, columns: int, cells: int) -> None:
        self.workers = workers
        self._columns = columns
        self._columns_used = self._cells_used = 0
        self._numbers = memoryview(mmap.mmap(-1, _BYTES * (workers * columns + cells))).cast("d")
        # A record lock belongs to a process and is released however the process ends.
        self._lock_file = os.memfd_create("condenser-lock")
        self._lock_depth = 0
        self._pipes = [_pipe() for _ in range(workers)]
        self._callbacks: list[Callable[[], object]] = []
        self._pids, self._started = self.column(), self.column()

    def attach(self, index: int) -> None:
        """Become the worker with this index, 0 for the first."""
        self.index = index
        self._callbacks = []
        self._pids[index] = os.getpid()

    def has_started(self, worker: int) -> bool:
        """Whether a worker has begun to serve."""
        return bool(self._started[worker])

    def pids(self) -> list[int]:
        """The process ids of the live workers."""
        return [int(pid) for worker in range(self.workers) if (pid := self._pids[worker])]

    def column(self) -> Column:
        """A number for each worker. Raises MemoryError if there is no space left."""
        if self._columns_used == self._columns:
            raise MemoryError("the workers' shared memory has no column left")
        first = self._columns_used
        self._columns_used += 1
        return Column(self._numbers[first : self.workers * self._columns : self._columns], self.index)

    def cells(self, count: int) -> Cells:
        """Numbers of all workers. Raises MemoryError if there is no space left."""
        first = self.workers * self._columns + self._cells_used
        self._cells_used += count
        if first + count > len(self._numbers):
            raise MemoryError("the workers' shared memory has no cell left")
        return self._numbers[first : first + count]

    def __enter__(self) -> None:
        if not self._lock_depth:
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
        self._lock_depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock_depth -= 1
        if not self._lock_depth:
            fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    def wake(self, worker: int) -> None:
        """Write to the worker's pipe; a full pipe wakes it anyway."""
        with suppress(BlockingIOError):
            os.write(self._pipes[worker][1], _WAKE)

    def on_wake(self, callback: Callable[[], object]) -> None:
        """Set the function to run when another worker wakes this one."""
        self._callbacks.append(callback)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """React to `wake` during the block, in the running event loop; marks this worker as serving."""
        loop = asyncio.get_running_loop()
        pipe = self._pipes[self.index][0]
        loop.add_reader(pipe, self._woken)
        self._started[self.index] = 1
        try:
            yield
        finally:
            loop.remove_reader(pipe)

    def forget(self, worker: int) -> None:
        """Release what a dead worker held, and wake the others to take it."""
        with self:
            for place in range(worker * self._columns, (worker + 1) * self._columns):
                self._numbers[place] = 0.0
        for other in range(self.workers):
            self.wake(other)

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._pipes[self.index][0], 65_536)
        for callback in self._callbacks:
            callback()


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends
