"""The engine as the rest of the service sees it: completions through the queue, with retries and timings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from app.engine.busy import BusyShare
from app.engine.client import Completion, EngineName, OnText, Prompt
from app.engine.deadlines import Deadlines
from app.engine.errors import (
    EngineError,
    EngineTimeoutError,
    ModelNotFoundError,
    ShuttingDownError,
)
from app.engine.health import HealthCheck
from app.engine.queue import EngineQueue, Priority
from app.engine.retries import RetryPolicy, RetryReason, reason_to_go_elsewhere, retrying
from app.engine.status import EngineStatus, canonical
from app.engine.upstreams import Upstream, Upstreams
from app.tasks import let_others_run, while_waiting
from app.tracing import span

_RETRY_POLICY = RetryPolicy()


class EngineObserver(Protocol):
    """Notified of each call in the engine: seconds it took, its outcome, its share of the busy time."""

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None: ...

    def call_retried(self, reason: RetryReason) -> None:
        """A call is retried: the engine had not accepted it, or another server takes it."""

    def model_loaded(self, model: str) -> None:
        """An answer showed that the engine loaded the model for this call."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Options shared by all calls of a request. `deadline`: seconds, on the clock of the running event loop."""

    model: str
    deadline: float
    priority: Priority = "interactive"


@dataclass(frozen=True, slots=True)
class Call:
    """A completion and the seconds it took: in the queue, in the engine, and its share of the engine's busy time.

    `engine_s` starts when the call gets its place in the engine; failed attempts and pauses are included.
    """

    completion: Completion
    queue_s: float
    engine_s: float
    busy_s: float


@dataclass(frozen=True, slots=True)
class _Chat:
    """The arguments of a chat call, whichever server takes it."""

    prompt: Prompt
    num_predict: int
    top_logprobs: int
    on_text: OnText | None


class Engine:
    """The servers `upstreams`, behind `queue`. `default_model`, with `num_ctx` tokens of context, serves requests that
    name no model.

    `why_down` may explain why the engine does not answer. `retry_policy`: how calls are retried that the engine did not
    accept.
    """

    def __init__(
        self,
        name: EngineName,
        upstreams: Upstreams,
        queue: EngineQueue,
        default_model: str,
        observer: EngineObserver | None = None,
        why_down: Callable[[], str | None] = lambda: None,
        retry_policy: RetryPolicy = _RETRY_POLICY,
    ) -> None:
        self.name = name
        self.upstreams = upstreams
        self.queue = queue
        self.default_model = default_model
        self.num_ctx = upstreams.all[0].client.num_ctx
        self._observer = observer
        self._health = HealthCheck(name, default_model, why_down)
        self._retry_policy = retry_policy
        self._deadlines = Deadlines()
        self._is_closed = False

    @property
    def url(self) -> str:
        """Addresses of the servers, comma-separated."""
        return ",".join(upstream.client.base_url for upstream in self.upstreams.all)

    async def preload(self, deadline: float) -> None:
        """Load the default model on every server by the deadline. Raises EngineError if no server can load it."""
        loading = (self.load(upstream, deadline) for upstream in self.upstreams.all)
        ended = await asyncio.gather(*loading, return_exceptions=True)
        failed = [result for result in ended if isinstance(result, BaseException)]
        if len(failed) == len(ended):
            raise failed[0]

    async def load(self, upstream: Upstream, deadline: float) -> None:
        """Load the default model on one server by the deadline. Raises EngineError.

        Takes no place in the engine: it generates nothing, and may wait long for another program's calls to end.
        """
        async with self._bounded(deadline):
            if await upstream.preload(self.default_model):
                self._report_load(self.default_model)

    async def require(self, model: str) -> None:
        """Raise ModelNotFoundError if no server has `model`.

        Uses the lists of the last check, which cost nothing. If none of them has it, it fetches new lists, since the
        model may have been installed meanwhile. Does not raise if a server does not answer: only a call can tell then.
        """
        name = canonical(model)
        if any(name in upstream.installed for upstream in self.upstreams.all):
            return
        statuses = (await self.status()).upstreams
        installed = {installed for status in statuses for installed in status.installed}
        has_all_lists = all(
            status.version is not None and (status.installed or self.name != "openai") for status in statuses
        )
        if has_all_lists and name not in map(canonical, installed):
            raise ModelNotFoundError(self._health.missing_model(model, f"model '{model}' not found", installed))

    @property
    def can_score(self) -> bool | None:
        """Whether any server gives log probabilities; None until one does or all have shown that they do not."""
        support = [upstream.client.can_score for upstream in self.upstreams.all]
        return True if True in support else None if None in support else False

    async def complete(
        self,
        prompt: Prompt,
        *,
        num_predict: int,
        call_options: CallOptions,
        top_logprobs: int = 0,
        on_text: OnText | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Call:
        """The completion of `prompt`, of at most `num_predict` tokens; waits for a place in the engine first.

        `top_logprobs`, `on_text`: see EngineClient.chat. `meanwhile`: called while the engine works.

        Raises EngineError, and EngineTimeoutError if the deadline passes in the engine.
        """
        try:
            async with self._turn(call_options.priority, call_options.deadline) as queue_s:
                loop = asyncio.get_running_loop()
                placed = loop.time()
                chat = _Chat(prompt, num_predict, top_logprobs, on_text)
                with while_waiting(meanwhile):
                    completion, busy_s = await retrying(
                        lambda: self._on_any_server(chat, call_options),
                        self._retry_policy,
                        call_options.deadline,
                        self._report_retry,
                    )
                call = Call(completion, queue_s, loop.time() - placed, busy_s)
                has_next = self.queue.waiting > 0
        except ModelNotFoundError as error:
            installed = {name for upstream in self.upstreams.all for name in upstream.installed}
            raise ModelNotFoundError(self._health.missing_model(call_options.model, str(error), installed)) from error
        if has_next:  # the call that takes the place is sent before the caller's work on this answer
            await let_others_run()
        return call

    def close(self) -> None:
        """End all current and later calls, waiting ones included, with ShuttingDownError."""
        self._is_closed = True
        self.queue.close()
        self._deadlines.expire()

    @asynccontextmanager
    async def _turn(self, priority: Priority, deadline: float) -> AsyncIterator[float]:
        """Hold a place in the engine, until the deadline at most; yields the seconds waited for it."""
        async with self.queue.place(priority, deadline) as queue_s, self._bounded(deadline):
            yield queue_s

    @asynccontextmanager
    async def _bounded(self, deadline: float) -> AsyncIterator[None]:
        """End the block at the deadline, or when the engine is closed. Raises EngineTimeoutError, ShuttingDownError."""
        if self._is_closed:
            raise ShuttingDownError
        try:
            async with self._deadlines.until(deadline):
                yield
        except TimeoutError:
            if self._is_closed:
                raise ShuttingDownError from None
            raise EngineTimeoutError("the deadline passed before the engine answered") from None

    def _report_retry(self, reason: RetryReason) -> None:
        if self._observer is not None:
            self._observer.call_retried(reason)

    def _report_load(self, model: str) -> None:
        if self._observer is not None:
            self._observer.model_loaded(model)

    async def _on_any_server(self, chat: _Chat, call_options: CallOptions) -> tuple[Completion, float]:
        """The completion by the server expected to finish first; by another one if that one can't serve it."""
        tried = [self.upstreams.best(call_options.model)]
        while True:
            try:
                return await self._traced(tried[-1], chat, call_options)
            except EngineError as error:
                reason = reason_to_go_elsewhere(error, len(tried))
                if reason is None or not self.upstreams.besides(tried):
                    raise
            self._report_retry(reason)
            tried.append(self.upstreams.best(call_options.model, tried))

    async def _traced(self, upstream: Upstream, chat: _Chat, call_options: CallOptions) -> tuple[Completion, float]:
        """Like `_measured`, in a span with OpenTelemetry's attributes for generative AI."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.name,
            "gen_ai.request.model": call_options.model,
            "gen_ai.request.max_tokens": chat.num_predict,
            "server.address": upstream.client.base_url,
        }
        with span("chat", attributes, kind="client") as current:
            completion, busy_s = await self._measured(upstream, chat, call_options)
            if current is not None:
                current.set_attribute("gen_ai.usage.input_tokens", completion.prompt_tokens)
                current.set_attribute("gen_ai.usage.output_tokens", completion.completion_tokens)
                current.set_attribute("condenser.load_s", completion.load_s or 0.0)
            return completion, busy_s

    def _resize_queue(self) -> None:
        """Set the queue's size to the number of slots of the servers that are up."""
        self.queue.resize(self.upstreams.slots)

    async def _measured(self, upstream: Upstream, chat: _Chat, call_options: CallOptions) -> tuple[Completion, float]:
        """The completion, and its share of the server's busy time in seconds."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = "ok"
        share = BusyShare()
        try:
            with upstream.busy.call(share):
                completion = await upstream.chat(
                    chat.prompt,
                    model=call_options.model,
                    num_predict=chat.num_predict,
                    top_logprobs=chat.top_logprobs,
                    on_text=chat.on_text,
                )
            if completion.load_s is not None and upstream.loads.answered(
                call_options.model, started, completion.load_s
            ):
                self._report_load(call_options.model)
            return completion, share.seconds
        except EngineError as error:
            outcome = error.kind
            raise
        except asyncio.CancelledError:
            is_late = loop.time() >= call_options.deadline
            outcome = EngineTimeoutError.kind if is_late and not self._is_closed else "cancelled"
            raise
        finally:
            self._resize_queue()
            if self._observer is not None:
                self._observer.call_ended(call_options.model, outcome, loop.time() - started, share.seconds)

    async def status(self) -> EngineStatus:
        """Ask all servers for their version and models. Never raises; answers within health.STATUS_TIMEOUT_S."""
        return EngineStatus(tuple(await asyncio.gather(*map(self._health.status_of, self.upstreams.all))))

    async def check(self, on_return: Callable[[Upstream], object]) -> EngineStatus:
        """Fetch the status and act on it. `on_return` is called with each server that is back after it was down.

        Calls in a server that has stopped answering are ended and retried on another server, if one is up.
        """
        status = await self.status()
        for upstream, upstream_status in zip(self.upstreams.all, status.upstreams, strict=True):
            if upstream.checked(upstream_status):
                on_return(upstream)
        for upstream in self.upstreams.all:
            if upstream.is_up is False and self.upstreams.is_any_up:
                upstream.give_up()
        self._resize_queue()
        return status
