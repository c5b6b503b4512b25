"""Token and time usage of engine calls."""

from dataclasses import dataclass

from app.engine.client import Prompt
from app.engine.engine import Call
from app.text.tokens import estimate_tokens


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of a request's engine calls. Seconds in the queue and the engine are summed over the calls."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    queue_s: float = 0.0
    engine_s: float = 0.0
    busy_s: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
            self.queue_s + other.queue_s,
            self.engine_s + other.engine_s,
            self.busy_s + other.busy_s,
        )


def used(call: Call, prompt: Prompt) -> Usage:
    """The usage of a call. A token count that the engine leaves out is estimated: the tokens were spent."""
    completion = call.completion
    prompt_tokens = completion.prompt_tokens or estimate_tokens(prompt.system) + estimate_tokens(prompt.user)
    completion_tokens = completion.completion_tokens or estimate_tokens(completion.text)
    return Usage(prompt_tokens, completion_tokens, 1, call.queue_s, call.engine_s, call.busy_s)
