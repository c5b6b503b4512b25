"""The clients that hold a key: what each has asked for lately, and whether it may ask for more."""

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
_KEPT_SLOTS = _SLOTS + 1  # the oldest of a period is not over yet
_MINUTE_S = 60.0
_DAY_S = 86_400.0


class Allowance:
    """At most `most` in any `period_s` seconds of the clock, which is the same in all workers.

    What was spent is kept by the slot, a sixtieth of the period, and counts until all of its slot is a period old: so
    never more than the limit passes, and memory is bounded. (The memory storage of `limits`, the library for this,
    starts a thread for each expiry and goes by the wall clock, which may be set back.)
    """

    def __init__(
        self, most: int, period_s: float, clock: Callable[[], float] = time.monotonic, memory: Memory | None = None
    ) -> None:
        self.most = most
        self._slot_s = period_s / _SLOTS
        self._clock = clock
        memory = memory or Memory()
        # A ring: what was spent in a slot, and which slot that is.
        self._spent = memory.cells(_KEPT_SLOTS)
        self._slots = memory.cells(_KEPT_SLOTS)

    def wait_s(self, amount: int = 1) -> float:
        """Seconds until `amount`, 1 to `most`, can be spent: 0 if it can be now."""
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
        """Count `amount`, over the limit too: what a call costs may be known only when it has ended."""
        slot = int(self._clock() / self._slot_s)
        place = slot % _KEPT_SLOTS
        self._spent[place] = amount + (self._spent[place] if self._slots[place] == slot else 0)
        self._slots[place] = slot

    def _kept(self, now: int) -> Iterator[tuple[int, float]]:
        """Slots of the last period, the oldest first, with what was spent in each."""
        for slot in range(now - _SLOTS, now + 1):
            place = slot % _KEPT_SLOTS
            if self._slots[place] == slot:
                yield slot, self._spent[place]


class Share:
    """At most `most` places in the engine and its queue at once. What needs more places than that takes them all."""

    def __init__(self, most: int, memory: Memory | None = None) -> None:
        self.most = most
        self._memory = memory or Memory()
        self._taken = self._memory.column()
        self._waiting = self._memory.column()
        self._memory.on_wake(self._tell_of_room)
        self._freed = asyncio.Event()

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return self._taken.total

    def take(self, places: int = 1) -> bool:
        """Take so many places if they are free; returns whether they were."""
        with self._memory:
            has_room = self.has_room(places)
            if has_room:
                self._taken.own += min(places, self.most)
            return has_room

    def has_room(self, places: int = 1) -> bool:
        """Whether so many places can be taken now."""
        return self.taken + min(places, self.most) <= self.most

    def give_back(self, places: int) -> None:
        """Free places that were taken."""
        self._taken.own -= min(places, self.most)
        self._tell_of_room()
        for worker in range(self._memory.workers):
            if worker != self._memory.index and self._waiting[worker]:
                self._memory.wake(worker)

    async def wait_and_take(self, places: int) -> None:
        """Take so many places as soon as they are free."""
        self._waiting.own += 1
        try:
            while not self.take(places):
                await self._freed.wait()
        finally:
            self._waiting.own -= 1

    def _tell_of_room(self) -> None:
        self._freed.set()
        self._freed = asyncio.Event()


class Client:
    """A client by its name and limits. `places`: in the engine and its queue together, of which it may have a share.

    `retry_after_s` estimates in how many seconds all who wait now have had their turn.
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
        """Whether its places in the queue are bounded."""
        return self._share is not None

    def admit(self) -> None:
        """Count a request. Raises ProblemError 429 if there are too many, or the day's tokens are used up."""
        self.check_tokens()
        if self._requests:
            with self._memory:
                if wait_s := self._requests.wait_s():
                    raise _too_many("rate_limited", _per_minute(self._requests), wait_s)
                self._requests.spend()

    def check_tokens(self) -> None:
        """Raise ProblemError 429 if the day's tokens are used up."""
        if self._tokens and (wait_s := self._tokens.wait_s()):
            raise _too_many("token_budget", f"{self._tokens.most} tokens a day are used up", wait_s)

    def admit_items(self, count: int) -> None:
        """Count the items of a batch, of which `admit` has counted one, as a request each.

        Raises ProblemError 429 if they are too many now, 413 if they always are.
        """
        if not self._requests or count <= 1:
            return
        if count > self._requests.most:
            raise too_large(f"items: {count} items, each a request; this key's limit: {_per_minute(self._requests)}")
        with self._memory:
            if self._requests.wait_s(count - 1):
                # The one that was counted stays counted, so that who tries again needs room for it as well.
                raise _too_many("rate_limited", _per_minute(self._requests), self._requests.wait_s(count))
            self._requests.spend(count - 1)

    def spend_tokens(self, tokens: int) -> None:
        """Count tokens that a call of the model's took."""
        if self._tokens:
            with self._memory:
                self._tokens.spend(tokens)

    @contextmanager
    def hold(self, places: int) -> Generator[None]:
        """Hold so many places of its share for the block. Raises ProblemError 429 if they are not free."""
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
        # Places free one by one, and all of them within the time that the queue needs to drain.
        return _too_many("queue_share", f"{share.most} places in the queue at once", self._retry_after_s() / share.most)

    @asynccontextmanager
    async def wait_and_hold(self, places: int) -> AsyncGenerator[None]:
        """Hold so many places of its share for the block, from when they are free."""
        if not self._share:
            yield
            return
        await self._share.wait_and_take(places)
        try:
            yield
        finally:
            self._share.give_back(places)


def _per_minute(allowance: Allowance) -> str:
    return f"{allowance.most} requests a minute, items of a batch each as one"


def _too_many(kind: str, limit: str, wait_s: float) -> ProblemError:
    headers = {"Retry-After": str(max(1, math.ceil(wait_s)))}
    return ProblemError(kind, 429, "Over this key's limit", f"this key's limit: {limit}", headers)


NOBODY = Client("", KeyLimits(), 1, lambda: 0.0)
"""The client of every request if no keys are set: it has no name and no limit."""


def keep_client(scope: Scope, client: Client) -> None:
    """Make `client` the one that sent the request with this scope."""
    scope[_SCOPE_KEY] = client


def client_of(connection: HTTPConnection) -> Client:
    """Who sent the request that is being served."""
    client: Client = connection.scope[_SCOPE_KEY]
    return client
