"""The HTTP server of `condenser serve`: uvicorn with a shutdown in two steps."""

import logging
import time
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.api.service import Service

logger = logging.getLogger("condenser.server")

SETTLE_LIMIT_S = 5  # for answers still being sent to slow clients after all work has ended


class DrainingServer(uvicorn.Server):
    """On the first SIGTERM or SIGINT `/readyz` fails and new operations are refused; running and waiting ones continue.

    It exits when they have ended. After `drain_timeout_s` seconds, or at the next signal, the rest end with a problem
    that says so.
    """

    def __init__(self, app: FastAPI, drain_timeout_s: float, **options: Any) -> None:
        """`options` are uvicorn's own."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # app.api.forwarded does this
            timeout_graceful_shutdown=SETTLE_LIMIT_S,
            **options,
        )
        super().__init__(config)
        self._app = app
        self._drain_timeout_s = drain_timeout_s
        self._drain_until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Record a signal; `on_tick` acts on it."""
        super().handle_exit(sig, frame)
        if self.started and self._drain_until is None:
            self._drain_until = time.monotonic() + self._drain_timeout_s
            self._service.drain.has_begun = True
            if self._service.jobs is not None:
                self._service.jobs.drain()
            self.should_exit = False

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; returns whether to exit."""
        if self._drain_until is not None:
            jobs = self._service.jobs
            under_way = len(self.server_state.tasks) + (jobs.items_under_way if jobs else 0)
            is_over = self.should_exit or time.monotonic() >= self._drain_until
            if is_over and under_way:
                logger.warning("ending requests that are still in progress", extra={"under_way": under_way})
                self._service.engine.close()
            self.should_exit = is_over or not under_way
        return await super().on_tick(counter)

    @property
    def _service(self) -> Service:
        service: Service = self._app.state.service
        return service
