"""A thin client of the OpenAI API as llama.cpp's server, vLLM and Ray Serve have it.

None of them cuts a prompt that is too long, so a count of tokens as long as the context window is no sign of that.
"""

import re
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from app.engine.client import Completion, LoadedModel, Prompt
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    ModelNotFoundError,
    PromptTooLongError,
)
from app.engine.http import MAX_ANSWER_BYTES, MAX_MESSAGE_CHARACTERS, EngineHttp, completion_limit, on_one_line
from app.engine.ollama_answers import Answer
from app.engine.openai_answers import ChatAnswer, Models, error_message
from app.engine.scores import Scoring, first_token

_TEMPLATE_TOKENS = 512  # that a chat template puts around two messages, generously

# "exceeds the available context size" (llama.cpp, server-context.cpp), "maximum context length is" (vLLM, OpenAI).
_TOO_LONG = re.compile(r"exceeds? .{0,60}context|maximum context length|context_length_exceeded", re.IGNORECASE)

AnswerT = TypeVar("AnswerT", bound=Answer)


class OpenAIClient:
    """The server whose API begins at `base_url`, `http://host:8000/v1` say; close it as a context manager.

    `num_ctx`: the context window that the server gives each request, tokens. `api_key` is sent where there is one.
    """

    def __init__(self, base_url: str, *, num_ctx: int, seed: int, api_key: str = "") -> None:
        self.num_ctx = num_ctx
        self._seed = seed
        self._http = EngineHttp(base_url, {"authorization": f"Bearer {api_key}"} if api_key else None)
        self.base_url = self._http.base_url
        self._models: tuple[str, ...] = ()
        self._refusal: EngineRejectedError | None = None
        self._scoring = Scoring(self.base_url)

    @property
    def can_score(self) -> bool | None:
        """Whether it gives log probabilities; None until an answer has told."""
        return self._scoring.can_score

    async def aclose(self) -> None:
        """Close the connection pool; calls in flight fail."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def version(self) -> str:
        """Which server it is, as far as it says. Raises EngineError, also where it refused the key of the last call."""
        models = await self._list()
        # llama.cpp lists its models to everybody: that the key is wrong only a call tells.
        if self._refusal is not None:
            raise self._refusal
        return models.data[0].owned_by if models.data else "OpenAI API"

    async def installed_models(self) -> list[str]:
        """Names of the models that the server has."""
        return [model.id for model in (await self._list()).data]

    async def loaded_models(self) -> list[LoadedModel]:
        """The same ones: such a server has in memory what it serves, and does not say in which."""
        return [LoadedModel(name) for name in await self.installed_models()]

    async def preload(self, model: str) -> float | None:
        """Nothing is to be loaded: None. Raises ModelNotFoundError where the server does not have the model."""
        await self._expect(model)
        return None

    async def chat(self, prompt: Prompt, *, model: str, num_predict: int, top_logprobs: int = 0) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens, temperature 0.

        `top_logprobs`: see EngineClient.chat. Raises PromptTooLongError, ModelNotFoundError, and the other EngineErrors
        for what else can go wrong.
        """
        await self._expect(model)
        body = {
            "model": model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "stream": False,
            "max_tokens": num_predict,
            "temperature": 0,
            "seed": self._seed,
        }
        return await self._scoring.chat(lambda top: self._completion(prompt, body, num_predict, top), top_logprobs)

    async def _completion(
        self, prompt: Prompt, body: dict[str, Any], num_predict: int, top_logprobs: int
    ) -> Completion:
        if top_logprobs:
            body = {**body, "logprobs": True, "top_logprobs": top_logprobs}
        answer = await self._call("POST", "/chat/completions", ChatAnswer, body, completion_limit(num_predict))
        if not answer.choices:
            raise EngineFailedError("the engine's answer has no choices")
        choice, usage = answer.choices[0], answer.usage
        # No token of a text is less than one byte of it, and no character of UTF-8 is more than four.
        most = 4 * (len(prompt.system) + len(prompt.user)) + _TEMPLATE_TOKENS
        return Completion(
            text=choice.message.content or "",
            prompt_tokens=usage.prompt_tokens if usage.prompt_tokens <= most else 0,
            completion_tokens=usage.completion_tokens if usage.completion_tokens <= num_predict else 0,
            was_cut=choice.finish_reason == "length",
            worked_s=answer.timings.worked_s,
            first_token=first_token(choice.logprobs.content),
        )

    async def _expect(self, model: str) -> None:
        """See that the server has the model: llama.cpp answers for any name."""
        if model in self._models:
            return
        await self._list()
        if model not in self._models:
            raise ModelNotFoundError(_not_found(model, self._models))

    async def _list(self) -> Models:
        models = await self._call("GET", "/models", Models)
        self._models = tuple(model.id for model in models.data)
        return models

    async def _call(
        self, method: str, path: str, kind: type[AnswerT], body: object = None, limit: int = MAX_ANSWER_BYTES
    ) -> AnswerT:
        status, content = await self._http.exchange(method, path, body, limit)
        if status != 200:
            error = _error_of(status, on_one_line(error_message(content, 4 * MAX_MESSAGE_CHARACTERS)))
            if isinstance(error, EngineRejectedError) and status in (401, 403):
                self._refusal = error
            raise error
        if method == "POST":
            self._refusal = None
        try:
            return kind.model_validate_json(content)
        except ValidationError:
            message = on_one_line(error_message(content, 4 * MAX_MESSAGE_CHARACTERS))
            raise EngineFailedError(f"the engine's answer is not one of the OpenAI API's: {message}") from None


def _error_of(status: int, message: str) -> EngineError:
    told = f"the engine answered {status}: {message}"
    match status:
        case 400 | 413 | 422 | 500 if _TOO_LONG.search(message):
            return PromptTooLongError(message)
        case 401 | 403:
            return EngineRejectedError(f"{told}; see CONDENSER_OPENAI_API_KEY")
        case 404:
            return ModelNotFoundError(message)
        case 429 | 503:  # llama.cpp: "Loading model"
            return EngineBusyError(message)
    return EngineFailedError(told) if status >= 500 else EngineRejectedError(told)


def _not_found(model: str, models: tuple[str, ...]) -> str:
    return f"model '{model}' not found; the server has {', '.join(models) or 'none'} (CONDENSER_MODEL)"
