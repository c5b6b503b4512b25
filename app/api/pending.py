"""A bound on the request bodies that the service has in memory at once, whoever sent them."""

from collections.abc import Callable

from app.engine.errors import QueueFullError


class PendingBytes:
    """Bytes of all bodies of requests under way, `limit` at most, but for one that is alone.

    `retry_after_s` gives the seconds after which a refused request may be let in.
    """

    def __init__(self, limit: int, retry_after_s: Callable[[], float]) -> None:
        self.total = 0
        self._limit = limit
        self._retry_after_s = retry_after_s

    def hold(self, size: int, own: int) -> None:
        """Count `size` more bytes of a request that has `own` already. Raises QueueFullError over the limit."""
        others = self.total - own
        if others and self.total + size > self._limit:
            message = f"the texts under way are over {self._limit} bytes together (CONDENSER_MAX_PENDING_BYTES)"
            raise QueueFullError(message, self._retry_after_s())
        self.total += size

    def release(self, size: int) -> None:
        """Forget so many bytes of a request that has ended."""
        self.total -= size
