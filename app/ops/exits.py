"""Exit codes of the `condenser` command."""

DONE = 0
FAILED = 1  # the service reported an error, or a check failed
USAGE = 2  # wrong usage, settings or input
UNREACHABLE = 3  # no service answers, or it stopped answering
PARTLY = 4  # a batch is done, but some items failed
INTERRUPTED = 130  # 128 + SIGINT, as in shells


class CommandError(Exception):
    """Ends a command with a sentence on standard error and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
