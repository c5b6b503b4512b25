"""The engine as the rest sees it: a completion for a prompt, through the gate, measured."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from app.capsule.prompts import Prompt
from app.engine.busy import BusyClock, BusyShare
from app.engine.client import Completion, EngineClient, LoadedModel
from app.engine.errors import EngineBusyError, EngineError, EngineTimeoutError, ModelNotFoundError, ShuttingDownError
from app.engine.gate import Gate, Priority
from app.engine.limiter import ConcurrencyLimit
from app.engine.retries import RetryPolicy, RetryReason, retrying

EngineName = Literal["ollama", "embedded"]

STATUS_TIMEOUT_S = 2.0
_RETRY_POLICY = RetryPolicy()


class EngineObserver(Protocol):
    """Is told of every call that was in the engine: seconds it took, its outcome, its part of the busy time."""

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None: ...

    def call_retried(self, reason: RetryReason) -> None:
        """A call that the engine had not taken is made once more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a request's calls are made: `deadline` is a time of the running event loop, seconds.

    `on_place` is told each time that a call has got its place in the engine.
    """

    model: str
    deadline: float
    priority: Priority = "interactive"
    on_place: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One completion and what it took: seconds in the queue, in the engine, and of the engine's busy time."""

    completion: Completion
    queue_s: float
    engine_s: float
    busy_s: float


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What the engine says of itself; `problem` is None where it can serve the default model."""

    version: str | None
    has_model: bool
    loaded: tuple[LoadedModel, ...]
    problem: str | None

    def loaded_model(self, name: str) -> LoadedModel | None:
        """The model `name` where it is in memory."""
        return next((model for model in self.loaded if same_model(model.name, name)), None)

    def gpu_ratio(self, name: str) -> float | None:
        """Share of the model `name` in GPU memory, 0 to 1: 0 where it is not loaded, None where nobody says."""
        model = self.loaded_model(name)
        return model.gpu_ratio if model else 0.0


class Engine:
    """`client` behind `gate`. `default_model` serves requests that name none.

    `why_down` may know why the engine does not answer. `retry_policy` says how calls that it did not take are tried
    again. `limit`, where there is one, sets how many the gate lets in.
    """

    def __init__(
        self,
        name: EngineName,
        client: EngineClient,
        gate: Gate,
        default_model: str,
        observer: EngineObserver | None = None,
        why_down: Callable[[], str | None] = lambda: None,
        retry_policy: RetryPolicy = _RETRY_POLICY,
        limit: ConcurrencyLimit | None = None,
    ) -> None:
        self.name = name
        self.client = client
        self.gate = gate
        self.default_model = default_model
        self._busy = BusyClock()
        self._observer = observer
        self._why_down = why_down
        self._retry_policy = retry_policy
        self._limit = limit
        self._running: set[asyncio.Timeout] = set()
        self._is_closed = False

    @property
    def num_ctx(self) -> int:
        """Context window of every call, tokens."""
        return self.client.num_ctx

    async def preload(self, deadline: float) -> None:
        """Have the default model loaded; holds a place in the engine meanwhile. Raises EngineError."""
        async with self._turn("batch", deadline):
            await self.client.preload(self.default_model)

    async def complete(self, prompt: Prompt, *, num_predict: int, terms: Terms) -> Call:
        """The completion of `prompt`, of at most `num_predict` tokens; waits for its place first.

        Raises EngineError; an EngineTimeoutError where the deadline passes in the engine.
        """
        try:
            async with self._turn(terms.priority, terms.deadline) as queue_s:
                if terms.on_place is not None:
                    terms.on_place()
                return await retrying(
                    lambda: self._measured(prompt, num_predict, terms, queue_s),
                    self._retry_policy,
                    terms.deadline,
                    self._tell_of_retry,
                )
        except ModelNotFoundError as error:
            raise ModelNotFoundError(self._how_to_get(terms.model, str(error))) from error

    def close(self) -> None:
        """End every call, those that wait too, and all later ones, with ShuttingDownError."""
        self._is_closed = True
        self.gate.close()
        for turn in self._running:
            if not turn.expired():
                turn.reschedule(0.0)

    @asynccontextmanager
    async def _turn(self, priority: Priority, deadline: float) -> AsyncIterator[float]:
        """A place in the engine until the deadline at most; yields the seconds waited for it."""
        async with self.gate.place(priority, deadline) as queue_s:
            try:
                async with asyncio.timeout_at(deadline) as turn:
                    self._running.add(turn)
                    try:
                        yield queue_s
                    finally:
                        self._running.discard(turn)
            except TimeoutError:
                if self._is_closed:
                    raise ShuttingDownError from None
                raise EngineTimeoutError("the request's time was up before the engine had answered") from None

    def _tell_of_retry(self, reason: RetryReason) -> None:
        if self._observer is not None:
            self._observer.call_retried(reason)

    async def _measured(self, prompt: Prompt, num_predict: int, terms: Terms, queue_s: float) -> Call:
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = "ok"
        share = BusyShare()
        try:
            with self._busy.call(share):
                completion = await self.client.chat(prompt, model=terms.model, num_predict=num_predict)
            if self._limit is not None:
                self.gate.resize(self._limit.ended(self.gate.in_flight, loop.time() - started, completion.worked_s))
            return Call(completion, queue_s, loop.time() - started, share.seconds)
        except EngineError as error:
            outcome = error.kind
            if self._limit is not None and isinstance(error, EngineBusyError):
                self.gate.resize(self._limit.busy())
            raise
        except asyncio.CancelledError:
            is_late = loop.time() >= terms.deadline
            outcome = EngineTimeoutError.kind if is_late and not self._is_closed else "cancelled"
            raise
        finally:
            if self._observer is not None:
                self._observer.call_ended(terms.model, outcome, loop.time() - started, share.seconds)

    def _how_to_get(self, model: str, message: str) -> str:
        if self.name == "embedded":
            return f"{message}; the embedded engine has {self.default_model} only"
        return f"{message}; get it with: ollama pull {model}"

    def _down(self, version: str | None, problem: str) -> EngineStatus:
        reason = self._why_down()
        return EngineStatus(version, False, (), f"{problem}; {reason}" if reason else problem)

    async def status(self) -> EngineStatus:
        """Ask the engine for its version and models; never raises, answers within STATUS_TIMEOUT_S."""
        version: str | None = None
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                version = await self.client.version()
                installed = await self.client.installed_models()
                loaded = await self.client.loaded_models()
        except TimeoutError:
            return self._down(version, f"no answer within {STATUS_TIMEOUT_S:g} s")
        except EngineError as error:
            return self._down(version, str(error))
        has_model = any(same_model(name, self.default_model) for name in installed)
        problem = None if has_model else self._how_to_get(self.default_model, f"model '{self.default_model}' not found")
        return EngineStatus(version, has_model, tuple(loaded), problem)


def same_model(name: str, other: str) -> bool:
    """Whether two names mean the same model."""
    return _with_tag(name) == _with_tag(other)


def _with_tag(name: str) -> str:
    """Model names are case-insensitive and mean `:latest` without a tag (ollama, types/model/name.go)."""
    return (name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest").casefold()
