"""Which context window the calls of one client ask Ollama for.

Ollama reloads a model when a call asks for another `num_ctx` than the model is loaded with. So where another program
has it loaded with at least as many tokens as we need, our calls ask for that many.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Window:
    """What a call asks for: `num_ctx` tokens. `is_first`: no other call of ours was in the model when it came."""

    num_ctx: int
    is_first: bool


@dataclass(slots=True)
class _Use:
    """The calls that are in one model, those that wait for `num_ctx` to be known among `here`."""

    here: int = 0
    running: int = 0
    num_ctx: int = 0
    known: asyncio.Lock = field(default_factory=asyncio.Lock)


class Windows:
    """Hands each call its window. `loaded` tells with how many tokens a model is loaded, None where it is not.

    A model can't be reloaded while a call of ours is in it, so `loaded` is asked by the first of several calls only.
    """

    def __init__(self, num_ctx: int, loaded: Callable[[str], Awaitable[int | None]]) -> None:
        self._num_ctx = num_ctx
        self._loaded = loaded
        self._uses: dict[str, _Use] = {}

    @asynccontextmanager
    async def of(self, model: str) -> AsyncIterator[Window]:
        """The window for a call to `model` that is made in the block."""
        use = self._uses.setdefault(model, _Use())
        use.here += 1
        try:
            async with use.known:
                is_first = not use.running
                if is_first:
                    use.num_ctx = max(self._num_ctx, await self._loaded(model) or 0)
                use.running += 1
            try:
                yield Window(use.num_ctx, is_first)
            finally:
                use.running -= 1
        finally:
            use.here -= 1
            if not use.here:
                del self._uses[model]
