"""The servers that run the models, and the choice of a server for each call."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.engine.busy import BusyClock
from app.engine.client import Completion, EngineClient, OnText, Prompt
from app.engine.deadlines import Deadlines
from app.engine.errors import EngineBusyError, EngineUnreachableError
from app.engine.limiter import ConcurrencyLimit
from app.engine.loads import Loads
from app.engine.status import UpstreamStatus, canonical
from app.shared_memory import Memory

logger = logging.getLogger("condenser.engine")

_LOADING_ROUNDS = 2.0
"""Cost of loading a model, in calls: a 7B model takes 2 to 5 s, a call 1.4 s on the reference machine
(docs/ollama.md)."""

_NEWEST_SHARE = 0.2
"""Weight of the latest call in the moving mean of call times."""

_SHORTEST_CALL_S = 0.001
"""Shortest call time that counts: with near-zero times all servers would look equally loaded."""

_SILENT_CHECKS = 2
"""Failed checks after which a server counts as down: a single one may be lost in a pause of the machine."""

_STATES = (None, False, True)
"""States of a server; the index of each is its value in the shared memory."""


class Upstream:
    """One server: the calls in it, and whether it is up (None if not known yet).

    `slots`: how many calls it should have at once, or `limit` finds that number. `usual_call_s`: moving mean of the
    seconds that it works on a call, infinite before the first one. `models`: names of its models at the last check, as
    it spells them. All of this except that mean and the models is shared by all workers.
    """

    def __init__(
        self,
        client: EngineClient,
        slots: int,
        limit: ConcurrencyLimit | None = None,
        memory: Memory | None = None,
    ) -> None:
        memory = memory or Memory()
        self.client = client
        self.limit = limit
        self.calls = memory.column()
        self._state = memory.cells(1)
        self.usual_call_s = math.inf
        self._slots = slots
        self._loaded: set[str] = set()
        self._installed: frozenset[str] | None = None
        self.models: tuple[str, ...] = ()
        self._silent_checks = 0
        self._deadlines = Deadlines()
        self.busy = BusyClock(memory=memory)
        self.loads = Loads(memory=memory)

    @property
    def in_flight(self) -> int:
        """Calls in the server."""
        return self.calls.total

    @property
    def is_up(self) -> bool | None:
        """Whether it was up at the last check or call of any worker; None before the first one."""
        return _STATES[int(self._state[0])]

    @property
    def slots(self) -> int:
        """Calls that it should have at once."""
        return self._slots if self.limit is None else self.limit.value

    @property
    def installed(self) -> frozenset[str]:
        """Canonical names of its models at the last check; empty before the first one."""
        return self._installed or frozenset()

    def has_loaded(self, model: str) -> bool:
        """Whether `model` is in its memory, according to the last check and the calls since."""
        return canonical(model) in self._loaded

    async def preload(self, model: str) -> bool:
        """Load `model` into memory; returns whether it had to be loaded. Raises EngineError."""
        started = time.monotonic()
        async with self._call(model):
            load_s = await self.client.preload(model)
        return load_s is not None and self.loads.answered(model, started, load_s)

    async def chat(
        self, prompt: Prompt, *, model: str, num_predict: int, top_logprobs: int = 0, on_text: OnText | None = None
    ) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens; see EngineClient.chat.

        Raises EngineError, and EngineUnreachableError if the server is given up during the call.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._call(model):
            completion = await self.client.chat(
                prompt, model=model, num_predict=num_predict, top_logprobs=top_logprobs, on_text=on_text
            )
            took_s = loop.time() - started
            self._learn(took_s if completion.worked_s is None else min(took_s, completion.worked_s))
            if self.limit is not None:
                # Waits on our side, in a burst or a pause of the machine, say nothing about the engine.
                own_s = took_s if completion.took_s is None else min(took_s, completion.took_s)
                self.limit.ended(self.in_flight, own_s, completion.worked_s)
            return completion

    def _learn(self, call_s: float) -> None:
        call_s = max(call_s, _SHORTEST_CALL_S)
        before_s = call_s if math.isinf(self.usual_call_s) else self.usual_call_s
        self.usual_call_s = before_s + _NEWEST_SHARE * (call_s - before_s)

    @asynccontextmanager
    async def _call(self, model: str) -> AsyncIterator[None]:
        """Count the block as a call in the server, and learn from its outcome."""
        self.calls.own += 1
        try:
            async with self._deadlines.until(None):
                yield
            self._note(is_up=True)
            self._loaded.add(canonical(model))
        except TimeoutError:
            raise EngineUnreachableError(f"{self.client.base_url} no longer answers") from None
        except EngineUnreachableError as error:
            self._note(is_up=False, reason=str(error))
            raise
        except EngineBusyError:
            if self.limit is not None:
                self.limit.busy()
            raise
        finally:
            self.calls.own -= 1

    def expected_s(self, model: str, call_s: float) -> float:
        """Estimated seconds that a call would take here; infinite if the model is not installed.

        `call_s`: usual call time of the other servers, for a server that has no calls yet.
        """
        name = canonical(model)
        if self._installed is not None and name not in self._installed:
            return math.inf
        own_s = call_s if math.isinf(self.usual_call_s) else self.usual_call_s
        return own_s * (1 + self.in_flight / self.slots) + (0.0 if name in self._loaded else _LOADING_ROUNDS * call_s)

    def checked(self, status: UpstreamStatus) -> bool:
        """Apply a check's result; returns whether the server is back after it was down."""
        was_down = self.is_up is False
        if status.version is not None:
            self._note(is_up=True)
            self._silent_checks = 0
            self._loaded = {canonical(model.name) for model in status.loaded}
            self._installed = frozenset(map(canonical, status.installed)) or None
            self.models = status.installed
            return was_down
        self._silent_checks += 1
        if status.is_gone or self._silent_checks >= _SILENT_CHECKS:
            self._note(is_up=False, reason=status.problem or "")
        return False

    def _note(self, *, is_up: bool, reason: str = "") -> None:
        if self.is_up is True and not is_up:
            logger.warning("engine down", extra={"engine_url": self.client.base_url, "reason": reason})
        elif self.is_up is False and is_up:
            logger.info("engine up again", extra={"engine_url": self.client.base_url})
        self._state[0] = _STATES.index(is_up)

    def give_up(self) -> None:
        """End all calls in it with EngineUnreachableError."""
        self._deadlines.expire()


@dataclass(frozen=True, slots=True)
class Upstreams:
    """All servers, at least one."""

    all: Sequence[Upstream]

    @property
    def is_any_up(self) -> bool:
        """Whether any server is known to be up."""
        return any(upstream.is_up for upstream in self.all)

    @property
    def usable(self) -> Sequence[Upstream]:
        """Servers that are not down; all of them if all are, since then only a call can tell."""
        return [upstream for upstream in self.all if upstream.is_up is not False] or self.all

    @property
    def slots(self) -> int:
        """Calls that all usable servers together should have at once."""
        return sum(upstream.slots for upstream in self.usable)

    def besides(self, tried: Collection[Upstream]) -> Sequence[Upstream]:
        """Usable servers that are not in `tried`."""
        return [upstream for upstream in self.usable if upstream not in tried]

    @property
    def usual_call_s(self) -> float:
        """Shortest usual call time of the servers in seconds; infinite before the first call."""
        return min(upstream.usual_call_s for upstream in self.usable)

    def best(self, model: str, tried: Collection[Upstream] = ()) -> Upstream:
        """The server where a call is expected to end first, not in `tried`. Raises ValueError if there is none."""
        call_s = 1.0 if math.isinf(self.usual_call_s) else self.usual_call_s
        return min(self.besides(tried), key=lambda upstream: upstream.expected_s(model, call_s))
