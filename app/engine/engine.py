"""The engine as the rest sees it: a completion for a prompt, through the gate, measured."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from app.capsule.prompts import Prompt
from app.engine.busy import BusyClock, BusyShare
from app.engine.errors import EngineError, EngineTimeoutError, ModelNotFoundError
from app.engine.gate import Gate, Priority
from app.engine.ollama import Completion, LoadedModel, OllamaClient

EngineName = Literal["ollama", "embedded"]

STATUS_TIMEOUT_S = 2.0


class EngineObserver(Protocol):
    """Is told of every call that was in the engine: seconds it took, its outcome, its part of the busy time."""

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a request's calls are made: `deadline` is a time of the running event loop, seconds."""

    model: str
    deadline: float
    priority: Priority = "interactive"


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


class Engine:
    """`client` behind `gate`. `default_model` serves requests that name none.

    `why_down` may know why the engine does not answer.
    """

    def __init__(
        self,
        name: EngineName,
        client: OllamaClient,
        gate: Gate,
        default_model: str,
        observer: EngineObserver | None = None,
        why_down: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self.client = client
        self.gate = gate
        self.default_model = default_model
        self._busy = BusyClock()
        self._observer = observer
        self._why_down = why_down

    @property
    def num_ctx(self) -> int:
        """Context window of every call, tokens."""
        return self.client.num_ctx

    async def preload(self) -> None:
        """Have the default model loaded; holds a place in the engine meanwhile. Raises EngineError."""
        async with self.gate.place("batch"):
            await self.client.preload(self.default_model)

    async def complete(self, prompt: Prompt, *, num_predict: int, terms: Terms) -> Call:
        """The completion of `prompt`, of at most `num_predict` tokens; waits for its place first.

        Raises EngineError; an EngineTimeoutError where the deadline passes, in the queue or in the engine.
        """
        try:
            async with asyncio.timeout_at(terms.deadline), self.gate.place(terms.priority) as queue_s:
                return await self._measured(prompt, num_predict, terms, queue_s)
        except TimeoutError:
            raise EngineTimeoutError("the request's time was up before the engine had answered") from None
        except ModelNotFoundError as error:
            raise ModelNotFoundError(self._how_to_get(terms.model, str(error))) from error

    async def _measured(self, prompt: Prompt, num_predict: int, terms: Terms, queue_s: float) -> Call:
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = "ok"
        share = BusyShare()
        try:
            with self._busy.call(share):
                completion = await self.client.chat(prompt, model=terms.model, num_predict=num_predict)
            return Call(completion, queue_s, loop.time() - started, share.seconds)
        except EngineError as error:
            outcome = error.kind
            raise
        except asyncio.CancelledError:
            outcome = EngineTimeoutError.kind if loop.time() >= terms.deadline else "cancelled"
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
