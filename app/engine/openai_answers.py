"""The fields read from answers of servers with the OpenAI API; unknown fields are ignored."""

from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from app.engine.ollama_answers import Answer, Count


def _seconds(value: object) -> float:
    """Milliseconds as seconds; 0, as for an omitted number, if the value is invalid."""
    return value / 1000 if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0


Seconds = Annotated[float, BeforeValidator(_seconds)]


def _or_empty(value: object) -> object:
    return {} if value is None else value


class Timings(Answer):
    """llama.cpp's own field; milliseconds."""

    prompt_ms: Seconds = 0.0
    predicted_ms: Seconds = 0.0

    @property
    def worked_s(self) -> float | None:
        """Seconds that the engine worked on it, without its queue; None if not reported."""
        return self.prompt_ms + self.predicted_ms if self.predicted_ms else None


class Usage(Answer):
    prompt_tokens: Count = 0
    completion_tokens: Count = 0


class Message(Answer):
    content: str | None = None


class Logprobs(Answer):
    content: Any = None


class Choice(Answer):
    message: Message
    logprobs: Annotated[Logprobs, BeforeValidator(_or_empty)] = Logprobs()
    finish_reason: str | None = None


class ChatAnswer(Answer):
    """`POST /chat/completions` with `stream: false`."""

    choices: list[Choice]
    usage: Annotated[Usage, BeforeValidator(_or_empty)] = Usage()
    timings: Annotated[Timings, BeforeValidator(_or_empty)] = Timings()


class ChunkChoice(Answer):
    delta: Message
    logprobs: Annotated[Logprobs, BeforeValidator(_or_empty)] = Logprobs()
    finish_reason: str | None = None


class ChatChunk(Answer):
    """An event of `POST /chat/completions` with `stream: true`; the last ones carry `usage` and no choices."""

    choices: tuple[ChunkChoice, ...] = ()
    usage: Usage | None = None
    timings: Timings | None = None
    error: Any = None


class Model(Answer):
    id: str
    owned_by: str = "OpenAI API"


class Models(Answer):
    """`GET /models`."""

    data: list[Model]


_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def error_message(content: bytes, most_bytes: int) -> str:
    """The server's own message: `error.message`, `message` or `detail` (FastAPI); else the start of the body."""
    try:
        body = _ANYTHING.validate_json(content)
    except ValidationError:
        body = None
    if isinstance(body, dict):
        error = body.get("error")
        nested = error.get("message") if isinstance(error, dict) else error
        for message in (nested, body.get("message"), body.get("detail")):
            if isinstance(message, str):
                return message
    return content[:most_bytes].decode(errors="replace")
