"""The parent of the workers, with children that do nothing but end."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from app.workers.supervisor import Child, Supervisor


def exit_code_of(supervise: Callable[[], int]) -> int:
    """What a supervisor in a process of its own ends with: it takes that process's signals for itself."""
    process = os.fork()
    if not process:
        os._exit(supervise())
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def wait_for_sigterm(_: bool) -> None:
    signal.pause()


def test_a_worker_that_cannot_even_start_ends_the_service_with_its_exit_code() -> None:
    def fails(_: bool) -> None:
        sys.exit(3)

    workers = [Child("fails", fails, has_started=lambda: False), Child("waits", wait_for_sigterm)]
    assert exit_code_of(Supervisor(workers, [], lambda: None).run) == 3


def test_a_worker_that_has_served_is_started_again_whatever_ended_it(tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    def work(is_first_start: bool) -> None:
        with starts.open("a") as file:
            file.write("first\n" if is_first_start else "again\n")
        if len(starts.read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if len(starts.read_text().splitlines()) == 2:
            sys.exit(1)
        os.kill(os.getppid(), signal.SIGTERM)
        signal.pause()

    ended: list[None] = []
    worker = Child("worker", work, on_end=lambda: ended.append(None))
    assert exit_code_of(lambda: Supervisor([worker], [], lambda: None).run() or len(ended)) == 3
    assert starts.read_text().splitlines() == ["first", "again", "again"]


def test_what_the_workers_need_is_started_before_them_and_ends_after_them(tmp_path: Path) -> None:
    events = tmp_path / "events"

    def note(event: str) -> None:
        with events.open("a") as file:
            file.write(f"{event}\n")

    def help_until_sigterm(_: bool) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # it must not end it, to be waited for
        note("helper starts")
        signal.sigwait({signal.SIGTERM})
        note("helper ends")

    def work(_: bool) -> None:
        while not events.exists():
            os.sched_yield()
        note("worker starts")
        os.kill(os.getppid(), signal.SIGTERM)
        signal.pause()

    def run() -> int:
        helper = Child("helper", help_until_sigterm)
        worker = Child("worker", work, on_end=lambda: note("worker ends"))
        return Supervisor([worker], [helper], lambda: note("drain")).run()

    assert exit_code_of(run) == 0
    assert events.read_text().splitlines() == ["helper starts", "worker starts", "drain", "worker ends", "helper ends"]
