"""What a child process does when its parent ends."""

import os
import signal
import threading


def die_with(pipe: int) -> None:
    """Kill this process when `pipe` ends, which it does whatever ends the parent that holds its other end."""

    def wait_for_end() -> None:
        while os.read(pipe, 4096):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait_for_end, daemon=True).start()
