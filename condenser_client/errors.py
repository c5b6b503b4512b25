"""Exceptions of the client."""

from condenser_client.models import Problem


class CondenserError(Exception):
    """Base class of all errors of this package."""


class UnreachableError(CondenserError):
    """Nothing answers at the address, or the connection broke or timed out before the answer was complete."""


class UnexpectedAnswerError(CondenserError):
    """The server at the address is not Condenser."""


class ProblemError(CondenserError):
    """The service answered with a problem. `retry_after_s`: its `Retry-After` in seconds, None if there is none."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.title}: {problem.detail}" if problem.detail else problem.title)
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def kind(self) -> str:
        """The last part of the problem's type: `queue_full`, `invalid_request`, `unauthorized` ..."""
        return self.problem.type.rpartition(":")[2]
