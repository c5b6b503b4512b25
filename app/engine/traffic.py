"""Keeping the way between here and the engine clear.

From one call's answer to the next one's request a slot of the engine stays empty. Work in threads takes Python's lock
from the event loop, which alone can fill it, so that none should begin in between.
"""

import asyncio

_LONGEST_S = 0.1  # that work is put off for; a steady stream of calls has no lull


class Traffic:
    """Requests to the engine and answers of its, as they pass."""

    def __init__(self) -> None:
        self._passed = 0

    def passes(self) -> None:
        """A request is about to be sent, or an answer has begun to come in."""
        self._passed += 1

    async def lull(self) -> None:
        """Return when the event loop has looked for traffic and found none, or after `_LONGEST_S`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_S
        before = -1
        while self._passed != before and loop.time() < until:
            before = self._passed
            # In one turn of the loop what has come in wakes the call that awaits it, in the next that call goes on.
            await asyncio.sleep(0)
            await asyncio.sleep(0)


traffic = Traffic()
"""All of this process's."""
