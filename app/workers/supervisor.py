"""Parent process of the workers: starts them, restarts them when they exit, and forwards the signals to stop."""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from app.parent import die_with

logger = logging.getLogger("condenser.workers")

_SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_STEADY_AFTER_S = 30.0  # a process that lived this long did not fail at start-up
_END_LIMIT_S = 10.0  # for helper processes, after the workers have exited


@dataclass(slots=True)
class Child:
    """A process to be kept running. `work` is its main function; its argument: whether this is the first start.

    `has_started`: whether the running process has begun to serve. `on_end` is called when it has exited.
    """

    name: str
    work: Callable[[bool], None]
    has_started: Callable[[], bool] = lambda: True
    on_end: Callable[[], None] = lambda: None
    pid: int = 0
    starts: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    backoff_s: float = _FIRST_BACKOFF_S


class Supervisor:
    """Keeps `workers` running until the first SIGTERM or SIGINT, and `helpers` for as long as there is a worker.

    Each of these signals is forwarded to the workers as a SIGTERM. They exit when this process does, however it ends.
    """

    def __init__(self, workers: Sequence[Child], helpers: Sequence[Child], on_drain: Callable[[], None]) -> None:
        """`on_drain` is called once, before the first SIGTERM is forwarded."""
        self._workers = workers
        self._helpers = helpers
        self._on_drain = on_drain
        self._is_draining = False
        self._exit_code = 0
        self._pipe = os.pipe()

    def run(self) -> int:
        """Return when all have exited: 0, or the exit code of a worker that failed to start."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for child in (*self._helpers, *self._workers):
            self._start(child)
        while any(child.pid for child in self._workers) or not self._is_draining:
            self._await_signal()
            self._reap()
            self._restart()
        self._end_helpers()
        return self._exit_code

    def _start(self, child: Child) -> None:
        child.starts += 1
        child.started_at = time.monotonic()
        child.pid = os.fork()
        if not child.pid:
            self._run_child(child)

    def _run_child(self, child: Child) -> NoReturn:
        code = 1
        try:
            # Signals from the terminal go to the parent only, which forwards them.
            os.setpgid(0, 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(self._pipe[1])
            die_with(self._pipe[0])
            child.work(child.starts == 1)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _await_signal(self) -> None:
        """Wait for a signal, or until a process is due for a restart."""
        starts = [child.start_at for child in (*self._helpers, *self._workers) if not child.pid]
        info: signal.struct_siginfo | None
        if self._is_draining or not starts:
            info = signal.sigwaitinfo(_SIGNALS)
        else:
            info = signal.sigtimedwait(_SIGNALS, max(0.0, min(starts) - time.monotonic()))
        if info is not None and info.si_signo != signal.SIGCHLD:
            self._drain()

    def _drain(self) -> None:
        if not self._is_draining:
            self._is_draining = True
            self._on_drain()
        for child in self._workers:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)

    def _reap(self) -> None:
        for child in (*self._workers, *self._helpers):
            if child.pid:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: Child, code: int) -> None:
        """Record the exit of a process; `code` is negative if a signal ended it."""
        could_start = child.has_started() or child.starts > 1 or code <= 0
        child.pid = 0
        child.on_end()
        if self._is_draining:
            return
        if not could_start:
            self._exit_code = code
            self._drain()
            return
        if time.monotonic() - child.started_at > _STEADY_AFTER_S:
            child.backoff_s = _FIRST_BACKOFF_S
        logger.error(
            "a process ended; restarting it",
            extra={"ended": child.name, "exit_code": code, "wait_s": child.backoff_s},
        )
        child.start_at = time.monotonic() + child.backoff_s
        child.backoff_s = min(2 * child.backoff_s, _LONGEST_BACKOFF_S)

    def _restart(self) -> None:
        for child in (*self._helpers, *self._workers):
            if not (child.pid or self._is_draining) and child.start_at <= time.monotonic():
                self._start(child)

    def _end_helpers(self) -> None:
        for child in self._helpers:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)
        until = time.monotonic() + _END_LIMIT_S
        while any(child.pid for child in self._helpers):
            if signal.sigtimedwait((signal.SIGCHLD,), max(0.0, until - time.monotonic())) is None:
                return  # they exit with this process
            self._reap()
