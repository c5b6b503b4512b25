"""Exit codes of the `condenser` command."""

DONE = 0
FAILED = 1  # the service said no, or a check failed
USAGE = 2  # wrong usage, settings or input
UNREACHABLE = 3  # no service answers, or it went away
PARTLY = 4  # a batch is done, but some of its items failed
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class CommandError(Exception):
    """Ends a command with one sentence on standard error and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
