"""The fields of Ollama's answers that are read; unknown fields are ignored."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Message(Answer):
    content: str = ""


def _count(value: object) -> int:
    """A number in an answer; 0, as for an omitted number, if it is invalid."""
    return value if isinstance(value, int) and value >= 0 else 0


Count = Annotated[int, BeforeValidator(_count)]


class ChatAnswer(Answer):
    """`POST /api/chat` with `stream: false`. Durations are nanoseconds; Ollama omits zeros."""

    message: Message
    done: bool
    done_reason: str = ""
    total_duration: Count = 0
    load_duration: Count = 0
    prompt_eval_count: Count = 0
    prompt_eval_duration: Count = 0
    eval_count: Count = 0
    eval_duration: Count = 0
    logprobs: Any = None

    @property
    def worked_s(self) -> float | None:
        """Seconds that the engine worked on it, without its queue; None if not reported.

        Ollama's own runner reports no `eval_duration` for a completion of one token.
        """
        worked = self.prompt_eval_duration + self.eval_duration
        return (self.load_duration + worked) / 1e9 if worked else None

    @property
    def load_s(self) -> float | None:
        """Seconds until the model was loaded; None if not reported."""
        return self.load_duration / 1e9 or None

    @property
    def took_s(self) -> float | None:
        """Seconds since the engine received the request, with its queue; None if not reported."""
        return self.total_duration / 1e9 or None


class Version(Answer):
    version: str


class InstalledModel(Answer):
    name: str


class Tags(Answer):
    models: list[InstalledModel] = []


class ModelInfo(Answer):
    capabilities: list[str] = []


class ProcessModel(Answer):
    """A row of `GET /api/ps`; sizes in bytes."""

    name: str
    size: Count = 0
    size_vram: Count = 0
    context_length: Count = 0

    @property
    def gpu_ratio(self) -> float:
        """Share of the model that is in GPU memory, 0 to 1."""
        return min(1.0, self.size_vram / self.size) if self.size else 0.0


class Loaded(Answer):
    models: list[ProcessModel] = []


class ErrorBody(Answer):
    error: str


AnswerT = TypeVar("AnswerT", bound=Answer)
