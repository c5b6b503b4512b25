"""What can go wrong between a request and the model. The HTTP face turns each into a problem answer."""


class EngineError(Exception):
    """Any failure to get a completion. `kind` is a bounded name, fit for a metric's label."""

    kind = "error"


class QueueFullError(EngineError):
    """The gate has no waiting place left. `retry_after_s`: estimated seconds until one frees."""

    kind = "queue_full"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueTimeoutError(QueueFullError):
    """The wait for a place in the engine outlasted its bound, or the request's deadline."""

    kind = "queue_timeout"


class ShuttingDownError(EngineError):
    """The service is ending, and the time that it gives to what is under way is over."""

    kind = "shutting_down"

    def __init__(self) -> None:
        super().__init__("the service is shutting down; send the request again, it was not finished")


class ModelNotFoundError(EngineError):
    """The engine does not have the model asked for."""

    kind = "model_not_found"


class EngineUnreachableError(EngineError):
    """No connection to the engine, or it broke before the answer was whole."""

    kind = "unreachable"


class NoConnectionError(EngineUnreachableError):
    """No connection to the engine came about: nothing was sent."""


class EngineBusyError(EngineError):
    """The engine's own queue is full (Ollama: 503)."""

    kind = "busy"


class EngineTimeoutError(EngineError):
    """The engine took longer than the request may take."""

    kind = "timeout"


class EngineRejectedError(EngineError):
    """The engine refused the call as wrong (4xx other than an unknown model or a too long prompt)."""

    kind = "rejected"


class EngineFailedError(EngineError):
    """The engine answered 5xx, or something that is not an answer of Ollama's."""

    kind = "failed"


class PromptTooLongError(EngineError):
    """The prompt does not fit the context window, or the engine has silently cut it."""

    kind = "prompt_too_long"
