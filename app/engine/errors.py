"""Errors between a request and the model. The HTTP layer turns each into a problem answer."""


class EngineError(Exception):
    """Any failure to get a completion. `kind` is from a fixed list, so it can be a metric's label."""

    kind = "error"


class QueueFullError(EngineError):
    """The queue is full or too long. `retry_after_s`: estimated seconds until a place frees."""

    kind = "queue_full"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueTimeoutError(QueueFullError):
    """The wait for a place in the engine exceeded its limit, or the request's deadline."""

    kind = "queue_timeout"


class ShuttingDownError(EngineError):
    """The service is stopping, and its time to finish requests in progress is over."""

    kind = "shutting_down"

    def __init__(self) -> None:
        super().__init__("the service is shutting down and did not finish this request; send it again")


class ModelNotFoundError(EngineError):
    """The engine does not have the requested model."""

    kind = "model_not_found"


class EngineUnreachableError(EngineError):
    """No connection to the engine, or it broke before the answer was complete."""

    kind = "unreachable"


class NoConnectionError(EngineUnreachableError):
    """The connection to the engine could not be opened: nothing was sent."""


class EngineBusyError(EngineError):
    """The engine's own queue is full (Ollama: 503)."""

    kind = "busy"


class EngineTimeoutError(EngineError):
    """The engine did not finish within the request's deadline."""

    kind = "timeout"


class EngineRejectedError(EngineError):
    """The engine rejected the call (4xx other than unknown model or too long prompt)."""

    kind = "rejected"


class EngineFailedError(EngineError):
    """The engine answered 5xx, or something that is not a valid answer."""

    kind = "failed"


class PromptTooLongError(EngineError):
    """The prompt does not fit the context window, or the engine silently truncated it."""

    kind = "prompt_too_long"
