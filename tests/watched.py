"""An embedded engine that tells when its child has been started."""

import asyncio

import anyio

from app.engine.embedded import EmbeddedConfig, EmbeddedEngine


class WatchedEngine(EmbeddedEngine):
    """Counts the starts of its child, so that a test can wait for one."""

    def __init__(self, config: EmbeddedConfig) -> None:
        super().__init__(config)
        self._started = anyio.Event()

    async def _spawn(self) -> asyncio.subprocess.Process:
        process = await super()._spawn()
        self._started.set()
        self._started = anyio.Event()
        return process

    async def next_start(self) -> None:
        """Return when the child is started once more."""
        with anyio.fail_after(60):
            await self._started.wait()
