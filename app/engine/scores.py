"""Log probabilities of a completion's first token, if the server gives them."""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.engine.client import Completion
from app.engine.errors import EngineRejectedError
from app.engine.ollama_answers import Answer

logger = logging.getLogger("condenser.engine")


class _Candidate(Answer):
    token: str
    logprob: float


class _Position(_Candidate):
    top_logprobs: tuple[_Candidate, ...] = ()


_POSITIONS: TypeAdapter[list[_Position]] = TypeAdapter(list[_Position])


def first_token(positions: Any) -> Mapping[str, float] | None:
    """Token text to natural log probability of the candidates for the first token; None if there are none.

    `positions` are the tokens of a completion, `[{token, logprob, top_logprobs: [{token, logprob}]}]`, as in Ollama's
    `logprobs` and the OpenAI API's `choices[].logprobs.content`. Several tokens can have the same text, such as parts
    of characters; the most probable one counts.
    """
    try:
        read = _POSITIONS.validate_python(positions)
    except ValidationError:
        return None
    if not read:
        return None
    candidates: dict[str, float] = {}
    for candidate in (*read[0].top_logprobs, read[0]):
        if math.isfinite(candidate.logprob):
            candidates[candidate.token] = max(candidate.logprob, candidates.get(candidate.token, -math.inf))
    return candidates or None


class Scoring:
    """Whether the server at `base_url` gives log probabilities; `can_score` is None until an answer shows it."""

    def __init__(self, base_url: str) -> None:
        self.can_score: bool | None = None
        self._base_url = base_url

    async def chat(self, call: Callable[[int], Awaitable[Completion]], top_logprobs: int) -> Completion:
        """The result of `call(top_logprobs)`, or of `call(0)` if the server does not give log probabilities.

        A server that rejects or ignores them is not asked for them again.
        """
        if not top_logprobs or self.can_score is False:
            return await call(0)
        try:
            completion = await call(top_logprobs)
        except EngineRejectedError as refusal:
            if self.can_score:
                raise
            completion = await call(0)  # if this is rejected as well, the log probabilities are not the reason
            self._cannot(str(refusal))
            return completion
        if completion.first_token is not None:
            self.can_score = True
        elif completion.text and self.can_score is None:  # an empty completion has no first token
            self._cannot("its answer does not contain them")
        return completion

    def _cannot(self, reason: str) -> None:
        if self.can_score is None:
            logger.warning(
                "the engine gives no log probabilities", extra={"engine_url": self._base_url, "reason": reason}
            )
        self.can_score = False
