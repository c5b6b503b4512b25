"""Retries of calls that the engine cannot have started."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineUnreachableError,
    ModelNotFoundError,
    NoConnectionError,
)

RetryReason = Literal["no_connection", "busy", "broken", "failed", "model_not_found"]
RETRY_REASONS: tuple[RetryReason, ...] = get_args(RetryReason)

ResultT = TypeVar("ResultT")

_LEAST_LEFT_S = 0.1  # no model answers in less; the caller gets the engine's own message rather than a timeout


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `retries` retries; pauses are random, up to a limit that doubles from `first_s` to `longest_s`.

    Jitter over the whole pause spreads callers best ("full jitter" of Brooker, Exponential backoff and jitter, AWS
    Architecture Blog, 2015).
    """

    retries: int = 3
    first_s: float = 0.25
    longest_s: float = 4.0

    def pause_s(self, tried: int) -> float:
        """Seconds to wait after `tried` failed attempts."""
        longest_s = min(self.longest_s, self.first_s * 2.0 ** (tried - 1))
        return random.uniform(0.0, longest_s)  # to spread load, not a secret  # noqa: S311 # nosec B311


async def retrying(
    call: Callable[[], Awaitable[ResultT]],
    policy: RetryPolicy,
    deadline: float,
    on_retry: Callable[[RetryReason], None],
) -> ResultT:
    """The result of `call`, retried only if the engine cannot have started the call: nothing was sent, or the engine's
    own queue was full.

    No attempt begins less than _LEAST_LEFT_S before the `deadline`, a time of the running event loop. Raises the last
    attempt's error.
    """
    # Not tenacity: its 47 microseconds a call would be the largest cost on the way to the engine.
    loop = asyncio.get_running_loop()
    tried = 0
    while True:
        try:
            return await call()
        except (NoConnectionError, EngineBusyError) as error:
            tried += 1
            pause_s = policy.pause_s(tried)
            if tried > policy.retries or loop.time() + pause_s + _LEAST_LEFT_S >= deadline:
                raise
            on_retry(_reason(error))
        await asyncio.sleep(pause_s)


def reason_to_go_elsewhere(error: EngineError, tried: int) -> RetryReason | None:
    """Why another server may serve a call that failed after `tried` attempts; None if another would not help.

    A call that makes one server fail may do that to all of them, so such a call is repeated only once.
    """
    match error:
        case EngineBusyError() | NoConnectionError():
            return _reason(error)
        case EngineUnreachableError():
            return "broken"
        case ModelNotFoundError():
            return "model_not_found"
        case EngineFailedError() if tried == 1:
            return "failed"
    return None


def _reason(error: EngineError) -> RetryReason:
    return "busy" if isinstance(error, EngineBusyError) else "no_connection"
