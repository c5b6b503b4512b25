"""What the client raises."""

from condenser_client.models import Problem


class CondenserError(Exception):
    """The base of every error of this package."""


class UnreachableError(CondenserError):
    """Nothing answers at the address, or the connection broke or timed out before the whole answer was there."""


class UnexpectedAnswerError(CondenserError):
    """Something answers at the address, but not as Condenser does."""


class ProblemError(CondenserError):
    """The service turned the request down. `retry_after_s` is its `Retry-After`, None if it gave none."""

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
