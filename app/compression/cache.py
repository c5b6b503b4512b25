"""A bounded cache of results; identical requests that run at the same time share one compression."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from cachetools import TTLCache

from app.compression.compressor import Compressed, CompressOptions, OnExcerpt, preview
from app.compression.prompts import PROMPT_VERSION
from app.engine.engine import CallOptions
from app.engine.errors import EngineTimeoutError, QueueFullError
from app.engine.queue import Priority
from app.summary.report import Excerpt, excerpts

CacheResult = Literal["hit", "shared", "miss"]

_OVERHEAD_BYTES = 2048  # of a result's objects, without its strings
_BYTES_PER_OBJECT = 100  # a span, a passage or a tuple
_BYTES_PER_CHARACTER = 2  # Python takes 1, 2 or 4 per character

Compress = Callable[[CompressOptions, CallOptions, OnExcerpt | None], Awaitable[Compressed]]

_Place = tuple[bytes, Priority]


class CacheObserver(Protocol):
    """Counts cache look-ups by their result."""

    def cache_asked(self, result: CacheResult) -> None: ...


@dataclass(frozen=True, slots=True)
class Caching:
    """What a request allows: only results of the same `scope` are shared; `reads`: a cached result may be returned;
    `stores`: its own result may be cached.
    """

    scope: str = ""
    reads: bool = True
    stores: bool = True


class _Flight:
    """A running compression and the requests that wait for it; it is cancelled when the last of them leaves.

    `excerpts`: those passed to the listeners so far; None if there was no listener when it began.
    """

    def __init__(
        self, compress: Compress, options: CompressOptions, call_options: CallOptions, *, is_heard: bool
    ) -> None:
        self.excerpts: list[Excerpt] | None = [] if is_heard else None
        self.listeners: list[OnExcerpt] = []
        self.waiting = 0
        self.task = asyncio.ensure_future(compress(options, call_options, self._pass_on if is_heard else None))

    def _pass_on(self, excerpt: Excerpt) -> None:
        assert self.excerpts is not None
        self.excerpts.append(excerpt)
        for listener in self.listeners:
            listener(excerpt)


class SharedCompressor:
    """`compress` with a cache of about `max_bytes` for results of the last `max_age_s` seconds; 0 turns cache and
    sharing off. A result that was made without the model because the engine failed is not cached.
    """

    def __init__(self, compress: Compress, max_bytes: int, max_age_s: float, observer: CacheObserver) -> None:
        self._compress = compress
        self._kept: TTLCache[bytes, Compressed] = TTLCache(max_bytes, max_age_s, getsizeof=_size)
        self._flights: dict[_Place, _Flight] = {}
        self._observer = observer
        self.max_bytes = max_bytes

    @property
    def kept_bytes(self) -> int:
        """The approximate memory of all cached results."""
        return int(self._kept.currsize)

    async def compress(
        self, options: CompressOptions, call_options: CallOptions, caching: Caching, on_excerpt: OnExcerpt | None = None
    ) -> tuple[Compressed, bool]:
        """The result, and whether it came from the cache or another request's work. Raises what `compress` raises.

        `on_excerpt`: see Compressor.compress. It is called with the passages of a cached result. If the request joins
        work that began without a listener, it only gets the passages of the best result without the model. It may get
        some excerpts twice.
        """
        key = _key(options, call_options.model, caching.scope)
        if not self.max_bytes or not caching.reads:
            result = await self._compress(options, call_options, on_excerpt)
            self._keep(key, result, caching)
            return result, False
        while True:
            kept = self._kept.get(key)
            if kept is not None:
                self._observer.cache_asked("hit")
                if on_excerpt is not None:
                    _each(excerpts(kept.text, kept.report.passages), on_excerpt)
                return kept, True
            flight = self._flights.get((key, call_options.priority))
            if flight is None:
                self._observer.cache_asked("miss")
                return await self._own(key, options, call_options, caching, on_excerpt), False
            try:
                result = await self._join((key, call_options.priority), flight, options, on_excerpt)
            except (EngineTimeoutError, QueueFullError, asyncio.CancelledError):
                # The other request's deadline passed; this one may have time left.
                if (
                    not flight.task.done()
                    or _is_cancelled()
                    or asyncio.get_running_loop().time() >= call_options.deadline
                ):
                    raise
                continue
            self._observer.cache_asked("shared")
            return result, True

    async def _own(
        self,
        key: bytes,
        options: CompressOptions,
        call_options: CallOptions,
        caching: Caching,
        on_excerpt: OnExcerpt | None,
    ) -> Compressed:
        flight = _Flight(self._compress, options, call_options, is_heard=on_excerpt is not None)
        # An interactive call does not wait behind the rest of a batch.
        place = (key, call_options.priority)
        self._flights[place] = flight
        result = await self._wait(place, flight, on_excerpt)
        self._keep(key, result, caching)
        return result

    async def _join(
        self, place: _Place, flight: _Flight, options: CompressOptions, on_excerpt: OnExcerpt | None
    ) -> Compressed:
        if on_excerpt is not None:
            _each(await preview(options) if flight.excerpts is None else flight.excerpts, on_excerpt)
        return await self._wait(place, flight, on_excerpt)

    def _keep(self, key: bytes, result: Compressed, caching: Caching) -> None:
        if self.max_bytes and caching.stores and not result.engine_failed and _size(result) <= self.max_bytes:
            self._kept[key] = result

    async def _wait(self, place: _Place, flight: _Flight, on_excerpt: OnExcerpt | None) -> Compressed:
        flight.waiting += 1
        if on_excerpt is not None:
            flight.listeners.append(on_excerpt)
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if on_excerpt is not None:
                flight.listeners.remove(on_excerpt)
            if flight.task.done() or not flight.waiting:
                if self._flights.get(place) is flight:
                    del self._flights[place]
                if not flight.task.done():
                    flight.task.cancel()
                    await asyncio.gather(flight.task, return_exceptions=True)


def _each(items: Iterable[Excerpt], on_excerpt: OnExcerpt) -> None:
    for excerpt in items:
        on_excerpt(excerpt)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _key(options: CompressOptions, model: str, scope: str) -> bytes:
    """A hash of everything that a result depends on, and of the scope in which it is shared."""
    parts = (scope, model, PROMPT_VERSION, options)
    return hashlib.blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=32).digest()


def _size(result: Compressed) -> int:
    """The approximate memory of a result, bytes."""
    report = result.report
    texts = (
        result.text,
        *report.missing,
        *(item.text for item in report.explained),
        *(item.text for item in report.dropped),
        *(item.text for item in (result.summary.claims if result.summary else ())),
    )
    objects = 3 * len(report.passages) + len(report.omitted) + sum(2 + len(item.places) for item in report.explained)
    payload = len(result.capsule.payload)
    return _OVERHEAD_BYTES + payload + sum(map(len, texts)) * _BYTES_PER_CHARACTER + objects * _BYTES_PER_OBJECT
