"""The clients with an API key, and their limits on requests, tokens and places in the queue."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.api.problems import ProblemError, too_large
from app.credentials import KeyLimits
from app.shared_memory import Memory

_SCOPE_KEY = "condenser.client"
_SLOTS = 60
_KEPT_SLOTS = _SLOTS + 1  # the oldest slot of a period has not ended yet
_MINUTE_S = 60.0
_DAY_S = 86_400.0


class Allowance:
    """At most `most` in any `period_s` seconds of the clock, which is the same in all workers.

    Amounts are summed by slots, each a sixtieth of the period, and count until the end of their slot is a period ago.
    So the limit is never exceeded, and memory is bounded. (The memory storage of the library `limits` starts a thread
    for each expiry and uses the wall clock, which may be set back.)
    """

    def __init__(
        self, most: int, period_s: float, clock: Callable[[], float] = time.monotonic, memory: Memory | None = None
    ) -> None:
        self.most = most
        self._slot_s = period_s / _SLOTS
        self._clock = clock
        memory = memory or Memory()
        # A ring: the amount spent in a slot, and the number of that slot.
        self._spent = memory.cells(_KEPT_SLOTS)
        self._slots = memory.cells(_KEPT_SLOTS)

    def wait_s(self, amount: int = 1) -> float:
        """Seconds until `amount`, 1 to `most`, can be spent; 0 if it can be spent now."""
        now = self._clock()
        kept = list(self._kept(int(now / self._slot_s)))
        excess = sum(spent for _, spent in kept) + amount - self.most
        for slot, spent in kept:
            if excess <= 0:
                break
            excess -= spent
            if excess <= 0:
                return (slot + _KEPT_SLOTS) * self._slot_s - now
        return 0.0

    def spend(self, amount: int = 1) -> None:
        """Count `amount`, even beyond the limit: the cost of a call may be known only when it has ended."""
        slot = int(self._clock() / self._slot_s)
        place = slot % _KEPT_SLOTS
        self._spent[place] = amount + (self._spent[place] if self._slots[place] == slot else 0)
        self._slots[place] = slot

    def _kept(self, now: int) -> Iterator[tuple[int, float]]:
        """Slots of the last period, oldest first, and the amount spent in each."""
        for slot in range(now - _SLOTS, now + 1):
            place = slot % _KEPT_SLOTS
            if self._slots[place] == slot:
                yield slot, self._spent[place]


class Share:
    """At most `most` places in the engine and its queue at once. A request that needs more places takes all of them."""

    def __init__(self, most: int, memory: Memory | None = None) -> None:
        self.most = most
        self._memory = memory or Memory()
        self._taken = self._memory.column()
        self._waiting = self._memory.column()
        self._memory.on_wake(self._signal_room)
        self._freed = asyncio.Event()

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return self._taken.total

    def take(self, places: int = 1) -> bool:
        """Take `places` places if they are free; returns whether they were."""
        with self._memory:
            has_room = self.has_room(places)
            if has_room:
                self._taken.own += min(places, self.most)
            return has_room

    def has_room(self, places: int = 1) -> bool:
        """Whether `places` places can be taken now."""
        return self.taken + min(places, self.most) <= self.most

    def give_back(self, places: int) -> None:
        """Free places that were taken."""
        self._taken.own -= min(places, self.most)
        self._signal_room()
        for worker in range(self._memory.workers):
            if worker != self._memory.index and self._waiting[worker]:
                self._memory.wake(worker)

    async def wait_and_take(self, places: int) -> None:
        """Take `places` places as soon as they are free."""
        self._waiting.own += 1
        try:
            while not self.take(places):
                await self._freed.wait()
        finally:
            self._waiting.own -= 1

    def _signal_room(self) -> None:
        self._freed.set()
        self._freed = asyncio.Event()


class Client:
    """A client by its name and limits. `places`: places in the engine and its queue together, for a share of them.

    `retry_after_s` estimates the seconds until all calls that wait now have had their turn.
    """

    def __init__(
        self,
        name: str,
        limits: KeyLimits,
        places: int,
        retry_after_s: Callable[[], float],
        memory: Memory | None = None,
    ) -> None:
        self.name = name
        self._memory = memory = memory or Memory()
        per_minute, per_day, share = limits.requests_per_minute, limits.tokens_per_day, limits.queue_share
        self._requests = Allowance(per_minute, _MINUTE_S, memory=memory) if per_minute else None
        self._tokens = Allowance(per_day, _DAY_S, memory=memory) if per_day else None
        self._share = Share(max(1, int(places * share)), memory) if share else None
        self._retry_after_s = retry_after_s

    @property
    def has_share(self) -> bool:
        """Whether its places in the queue are limited."""
        return self._share is not None

    def admit(self) -> None:
        """Count a request. Raises ProblemError 429 if there are too many, or the tokens of the day are used up."""
        self.check_tokens()
        if self._requests:
            with self._memory:
                if wait_s := self._requests.wait_s():
                    raise _too_many("rate_limited", _per_minute(self._requests), wait_s)
                self._requests.spend()

    def check_tokens(self) -> None:
        """Raise ProblemError 429 if the tokens of the day are used up."""
        if self._tokens and (wait_s := self._tokens.wait_s()):
            raise _too_many("token_budget", f"{self._tokens.most} tokens a day are used up", wait_s)

    def admit_items(self, count: int) -> None:
        """Count each item of a batch as a request; `admit` has counted the first.

        Raises ProblemError 429 if they are too many now, 413 if they exceed the limit in any case.
        """
        if not self._requests or count <= 1:
            return
        if count > self._requests.most:
            raise too_large(f"items: {count} items, each a request; this key's limit: {_per_minute(self._requests)}")
        with self._memory:
            if self._requests.wait_s(count - 1):
                # The first stays counted, so a retry needs room for it as well.
                raise _too_many("rate_limited", _per_minute(self._requests), self._requests.wait_s(count))
            self._requests.spend(count - 1)

    def spend_tokens(self, tokens: int) -> None:
        """Count the tokens of a model call."""
        if self._tokens:
            with self._memory:
                self._tokens.spend(tokens)

    @contextmanager
    def hold(self, places: int) -> Generator[None]:
        """Hold places of its share for the block. Raises ProblemError 429 if they are not free."""
        if not self._share:
            yield
            return
        if not self._share.take(places):
            raise self._no_room(self._share)
        try:
            yield
        finally:
            self._share.give_back(places)

    def check_room(self) -> None:
        """Raise ProblemError 429 if all places of its share are taken."""
        if self._share and not self._share.has_room():
            raise self._no_room(self._share)

    def _no_room(self, share: Share) -> ProblemError:
        # Places become free one after another, all of them within the time that the queue needs to drain.
        return _too_many("queue_share", f"{share.most} places in the queue at once", self._retry_after_s() / share.most)

    @asynccontextmanager
    async def wait_and_hold(self, places: int) -> AsyncGenerator[None]:
        """Wait until places of its share are free, and hold them for the block."""
        if not self._share:
            yield
            return
        await self._share.wait_and_take(places)
        try:
            yield
        finally:
            self._share.give_back(places)


def _per_minute(allowance: Allowance) -> str:
    return f"{allowance.most} requests a minute, each item of a batch included"


def _too_many(kind: str, limit: str, wait_s: float) -> ProblemError:
    headers = {"Retry-After": str(max(1, math.ceil(wait_s)))}
    return ProblemError(kind, 429, "Over this key's limit", f"this key's limit: {limit}", headers)


NOBODY = Client("", KeyLimits(), 1, lambda: 0.0)
"""The client of every request if no keys are set: it has no name and no limit."""


def keep_client(scope: Scope, client: Client) -> None:
    """Record that `client` sent the request with this scope."""
    scope[_SCOPE_KEY] = client


def client_of(connection: HTTPConnection) -> Client:
    """The client that sent the request."""
    client: Client = connection.scope[_SCOPE_KEY]
    return client
