"""Ends a child process when its parent ends."""

import os
import signal
import threading


def die_with(pipe: int) -> None:
    """Kill this process when `pipe` closes, which happens however the parent that holds its other end exits."""

    def wait_for_end() -> None:
        while os.read(pipe, 4096):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait_for_end, daemon=True).start()
