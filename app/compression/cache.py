"""Identical work is done once: a bounded cache of results, and one call for texts that are the same while it runs."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from cachetools import TTLCache

from app.compression.compressor import Compressed, CompressOptions, OnExcerpt, preview
from app.compression.prompts import PROMPT_VERSION
from app.engine.engine import Terms
from app.engine.errors import EngineTimeoutError, QueueFullError
from app.engine.gate import Priority
from app.summary.report import Excerpt, excerpts

CacheResult = Literal["hit", "shared", "miss"]

_OVERHEAD_BYTES = 2048  # of the objects that a result is made of, beside its strings
_BYTES_PER_OBJECT = 100  # a span, a passage or a tuple
_BYTES_PER_CHARACTER = 2  # Python takes 1, 2 or 4 for each of a string

Compress = Callable[[CompressOptions, Terms, OnExcerpt | None], Awaitable[Compressed]]

_Place = tuple[bytes, Priority]


class CacheObserver(Protocol):
    """Is told of each look into the cache."""

    def cache_asked(self, result: CacheResult) -> None: ...


@dataclass(frozen=True, slots=True)
class Caching:
    """What a request allows: results of the same `scope` only; without `reads` its own is made anew, without
    `stores` it is not kept.
    """

    scope: str = ""
    reads: bool = True
    stores: bool = True


class _Flight:
    """Work under way and how many wait for it; with the last of them it ends.

    `excerpts` are what it has given to those who listen, `None` where nobody listened when it began.
    """

    def __init__(self, compress: Compress, options: CompressOptions, terms: Terms, *, is_heard: bool) -> None:
        self.excerpts: list[Excerpt] | None = [] if is_heard else None
        self.listeners: list[OnExcerpt] = []
        self.waiting = 0
        self.task = asyncio.ensure_future(compress(options, terms, self._pass_on if is_heard else None))

    def _pass_on(self, excerpt: Excerpt) -> None:
        assert self.excerpts is not None
        self.excerpts.append(excerpt)
        for listener in self.listeners:
            listener(excerpt)


class SharedCompressor:
    """`compress`, with results of the last `max_age_s` seconds kept in about `max_bytes` of memory; 0 keeps and shares
    nothing. Results that were made without the model, because it failed, are not kept.
    """

    def __init__(self, compress: Compress, max_bytes: int, max_age_s: float, observer: CacheObserver) -> None:
        self._compress = compress
        self._kept: TTLCache[bytes, Compressed] = TTLCache(max_bytes, max_age_s, getsizeof=_size)
        self._flights: dict[_Place, _Flight] = {}
        self._observer = observer
        self.max_bytes = max_bytes

    @property
    def kept_bytes(self) -> int:
        """About how much memory the kept results take."""
        return int(self._kept.currsize)

    async def compress(
        self, options: CompressOptions, terms: Terms, caching: Caching, on_excerpt: OnExcerpt | None = None
    ) -> tuple[Compressed, bool]:
        """The result, and whether it cost no work of its own. Raises what `compress` raises.

        `on_excerpt`: see Compressor.compress. Of a kept result it is given the passages. Where it joins work that
        began when nobody listened, it is given the passages of the best result without the model only. It may be given
        some twice.
        """
        key = _key(options, terms.model, caching.scope)
        if not self.max_bytes or not caching.reads:
            result = await self._compress(options, terms, on_excerpt)
            self._keep(key, result, caching)
            return result, False
        while True:
            kept = self._kept.get(key)
            if kept is not None:
                self._observer.cache_asked("hit")
                if on_excerpt is not None:
                    _each(excerpts(kept.text, kept.report.passages), on_excerpt)
                return kept, True
            flight = self._flights.get((key, terms.priority))
            if flight is None:
                self._observer.cache_asked("miss")
                return await self._own(key, options, terms, caching, on_excerpt), False
            try:
                result = await self._join((key, terms.priority), flight, options, on_excerpt)
            except (EngineTimeoutError, QueueFullError, asyncio.CancelledError):
                # Another one's time was up; this request may have more.
                if not flight.task.done() or _is_cancelled() or asyncio.get_running_loop().time() >= terms.deadline:
                    raise
                continue
            self._observer.cache_asked("shared")
            return result, True

    async def _own(
        self, key: bytes, options: CompressOptions, terms: Terms, caching: Caching, on_excerpt: OnExcerpt | None
    ) -> Compressed:
        flight = _Flight(self._compress, options, terms, is_heard=on_excerpt is not None)
        # An interactive call does not wait behind the rest of a batch.
        place = (key, terms.priority)
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


def _each(found: Iterable[Excerpt], on_excerpt: OnExcerpt) -> None:
    for excerpt in found:
        on_excerpt(excerpt)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _key(options: CompressOptions, model: str, scope: str) -> bytes:
    """A hash of all that a result depends on, and of who may see it."""
    parts = (scope, model, PROMPT_VERSION, options)
    return hashlib.blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=32).digest()


def _size(result: Compressed) -> int:
    """About how many bytes of memory a result takes."""
    report = result.report
    texts = (
        result.text,
        *report.missing,
        *(one.text for one in report.explained),
        *(one.text for one in report.dropped),
        *(one.text for one in (result.summary.claims if result.summary else ())),
    )
    objects = 3 * len(report.passages) + len(report.omitted) + sum(2 + len(one.places) for one in report.explained)
    payload = len(result.capsule.payload)
    return _OVERHEAD_BYTES + payload + sum(map(len, texts)) * _BYTES_PER_CHARACTER + objects * _BYTES_PER_OBJECT
