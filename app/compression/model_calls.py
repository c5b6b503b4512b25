"""Ask the model about a text of any length: part by part, each through the gate."""

from collections.abc import Callable
from dataclasses import dataclass

from app.capsule.chunking import split
from app.capsule.prompts import Prompt, completion_text
from app.capsule.tokens import estimate_tokens
from app.compression.fanout import gathered
from app.compression.threads import off_loop
from app.engine.engine import Call, Engine, Terms
from app.engine.errors import EngineFailedError, PromptTooLongError

_MARGIN = 0.9  # estimates of a prompt may be this far off before the engine refuses it
_TEMPLATE_TOKENS = 32  # a chat template's marks around two messages, generously
_SMALLEST_PART_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request's model calls took. Seconds in the queue and the engine are summed over the calls."""

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


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answers to all parts of a text, joined, and what they took; empty where it `failed`."""

    text: str
    usage: Usage
    failed: bool = False


async def ask(
    engine: Engine,
    text: str,
    make_prompt: Callable[[str], Prompt],
    num_predict: Callable[[int], int],
    terms: Terms,
    max_calls: int | None = None,
) -> Answer:
    """Have the model answer `make_prompt` for `text`, cut into parts that fit the context window.

    `num_predict` gives the most tokens of a completion for a part of so many tokens. A part that turns out too
    long for the engine is cut again. With `max_calls` only so many parts are asked about, the first ones, and none is
    cut again. Raises EngineError.
    """

    async def about(part: str) -> Answer:
        limit = num_predict(estimate_tokens(part))
        try:
            call = await engine.complete(make_prompt(part), num_predict=limit, terms=terms)
        except PromptTooLongError as error:
            if max_calls is not None:
                return Answer("", Usage(calls=1))
            refusal = str(error)
            halves = await off_loop(lambda: _halves(part, refusal), len(part))
            return _joined([await about(half) for half in halves])
        return _answer(call, make_prompt(part))

    budget = part_budget(engine.num_ctx, make_prompt, num_predict)
    parts = await off_loop(lambda: split(text, budget), len(text))
    return _joined(await gathered(parts[:max_calls], engine.gate.most_concurrency, about))


def part_budget(num_ctx: int, make_prompt: Callable[[str], Prompt], num_predict: Callable[[int], int]) -> int:
    """Most estimated tokens of a part, so that prompt and completion fit `num_ctx` together."""
    frame = make_prompt("")
    around = estimate_tokens(frame.system) + estimate_tokens(frame.user) + _TEMPLATE_TOKENS
    room = num_ctx - around
    return max(_SMALLEST_PART_TOKENS, int(_MARGIN * (room - num_predict(room))))


def _halves(part: str, refusal: str) -> list[str]:
    tokens = estimate_tokens(part)
    if tokens <= _SMALLEST_PART_TOKENS:
        raise EngineFailedError(f"the engine refuses even a prompt of about {tokens} tokens: {refusal}")
    return split(part, max(_SMALLEST_PART_TOKENS, tokens // 2 + 1))


def _answer(call: Call, prompt: Prompt) -> Answer:
    completion = call.completion
    # A count that the engine leaves out is estimated: the call was paid for all the same.
    prompt_tokens = completion.prompt_tokens or estimate_tokens(prompt.system) + estimate_tokens(prompt.user)
    completion_tokens = completion.completion_tokens or estimate_tokens(completion.text)
    usage = Usage(prompt_tokens, completion_tokens, 1, call.queue_s, call.engine_s, call.busy_s)
    return Answer(completion_text(completion.text, completion.was_cut), usage)


def _joined(answers: list[Answer]) -> Answer:
    text = "\n".join(answer.text for answer in answers if answer.text)
    return Answer(text, sum((answer.usage for answer in answers), Usage()))
