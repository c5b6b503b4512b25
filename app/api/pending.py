"""A limit on the request bodies that are in memory at once, over all clients."""

from collections.abc import Callable

from app.engine.errors import QueueFullError
from app.shared_memory import Memory


class PendingBytes:
    """Bytes of the bodies of all requests in progress in all workers: at most `limit`, except for a single larger one.

    `retry_after_s` returns the seconds after which a refused request may be accepted.
    """

    def __init__(self, limit: int, retry_after_s: Callable[[], float], memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self._bytes = self._memory.column()
        self._limit = limit
        self._retry_after_s = retry_after_s

    @property
    def total(self) -> int:
        """Bytes of these bodies now."""
        return self._bytes.total

    def hold(self, size: int, own: int) -> None:
        """Count `size` more bytes of a request that has `own` already. Raises QueueFullError over the limit."""
        with self._memory:
            total = self.total
            if total > own and total + size > self._limit:
                message = (
                    f"the requests in progress have over {self._limit} bytes together (CONDENSER_MAX_PENDING_BYTES)"
                )
                raise QueueFullError(message, self._retry_after_s())
            self._bytes.own += size

    def release(self, size: int) -> None:
        """Release `size` bytes of a request that has ended."""
        self._bytes.own -= size
