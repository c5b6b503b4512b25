"""Chooses the context window that calls to Ollama ask for.

Ollama reloads a model if a call asks for another `num_ctx` than it is loaded with. So if another program has loaded it
with at least as many tokens as we need, our calls ask for that number.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

KNOWN_S = 0.5
"""So long after a call that succeeded, the model is taken to be loaded as it was then."""


@dataclass(frozen=True, slots=True)
class Window:
    """The window of a call: `num_ctx` tokens. `is_first`: no other call of ours was using the model when it came."""

    num_ctx: int
    is_first: bool


@dataclass(slots=True)
class _Use:
    """The calls for a model, of which `running` use `num_ctx`. `lock` is held while that number is determined."""

    calls: int = 0
    running: int = 0
    num_ctx: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Windows:
    """Assigns each call its window. `loaded` returns the size with which a model is loaded, None if it is not loaded.

    A model can't be reloaded during a call of ours, so only the first of several concurrent calls asks `loaded`, and
    it does not either within KNOWN_S of the last call.
    """

    def __init__(self, num_ctx: int, loaded: Callable[[str], Awaitable[int | None]]) -> None:
        self._num_ctx = num_ctx
        self._loaded = loaded
        self._uses: dict[str, _Use] = {}
        self._last: tuple[str, int, float] | None = None  # model, window and end of the last call that succeeded

    @asynccontextmanager
    async def of(self, model: str) -> AsyncIterator[Window]:
        """The window for a call to `model`, which is made in the block."""
        use = self._uses.setdefault(model, _Use())
        use.calls += 1
        try:
            async with use.lock:
                is_first = not use.running
                if is_first:
                    use.num_ctx = self._known(model) or max(self._num_ctx, await self._loaded(model) or 0)
                use.running += 1
            try:
                yield Window(use.num_ctx, is_first)
                self._last = model, use.num_ctx, time.monotonic()
            except BaseException:
                self._last = None
                raise
            finally:
                use.running -= 1
        finally:
            use.calls -= 1
            if not use.calls:
                del self._uses[model]

    def _known(self, model: str) -> int | None:
        """The window of the last call, if it was to `model` and has just ended."""
        if self._last is None:
            return None
        last_model, num_ctx, end = self._last
        return num_ctx if last_model == model and time.monotonic() - end < KNOWN_S else None
