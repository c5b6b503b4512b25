"""A thin client of the OpenAI API as implemented by llama.cpp's server, vLLM and Ray Serve.

None of them truncates a prompt that is too long, so a token count as large as the context window is no sign of
truncation.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from app.engine.client import Completion, LoadedModel, OnText, Prompt
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    ModelNotFoundError,
    PromptTooLongError,
)
from app.engine.http import (
    MAX_ANSWER_BYTES,
    MAX_MESSAGE_CHARACTERS,
    HttpEngineClient,
    completion_limit,
    messages_of,
    on_one_line,
    plausible_tokens,
)
from app.engine.ollama_answers import Answer
from app.engine.openai_answers import (
    ChatAnswer,
    ChatChunk,
    Choice,
    Logprobs,
    Message,
    Models,
    Timings,
    Usage,
    error_message,
)
from app.engine.scores import first_token

# "exceeds the available context size" (llama.cpp, server-context.cpp), "maximum context length is" (vLLM, OpenAI).
_TOO_LONG = re.compile(r"exceeds? .{0,60}context|maximum context length|context_length_exceeded", re.IGNORECASE)

AnswerT = TypeVar("AnswerT", bound=Answer)


class OpenAIClient(HttpEngineClient):
    """The server with its API at `base_url`, such as `http://host:8000/v1`.

    `num_ctx`: the context window that the server gives each request, in tokens. `api_key` is sent if there is one.
    """

    def __init__(self, base_url: str, *, num_ctx: int, seed: int, api_key: str = "") -> None:
        super().__init__(base_url, num_ctx, seed, {"authorization": f"Bearer {api_key}"} if api_key else None)
        self._models: tuple[str, ...] = ()
        self._refusal: EngineRejectedError | None = None

    async def version(self) -> str:
        """The server's kind, if it says so. Raises EngineError, also if the server rejected the last call's key."""
        models = await self._list()
        # llama.cpp lists its models without a key: only a call shows that the key is wrong.
        if self._refusal is not None:
            raise self._refusal
        return models.data[0].owned_by if models.data else "OpenAI API"

    async def installed_models(self) -> list[str]:
        """Names of the models that the server has."""
        return [model.id for model in (await self._list()).data]

    async def loaded_models(self) -> list[LoadedModel]:
        """The installed models: such a server has all its models in memory, and does not report which memory."""
        return [LoadedModel(name) for name in await self.installed_models()]

    async def preload(self, model: str) -> float | None:
        """Returns None: there is nothing to load. Raises ModelNotFoundError if the server does not have the model."""
        await self._expect(model)
        return None

    async def chat(
        self, prompt: Prompt, *, model: str, num_predict: int, top_logprobs: int = 0, on_text: OnText | None = None
    ) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens, at temperature 0.

        `top_logprobs`, `on_text`: see EngineClient.chat. Raises PromptTooLongError, ModelNotFoundError, and the other
        EngineErrors for other failures.
        """
        await self._expect(model)
        body = {
            "model": model,
            "messages": messages_of(prompt),
            "stream": False,
            "max_tokens": num_predict,
            "temperature": 0,
            "seed": self._seed,
        }
        return await self._scoring.chat(
            lambda top: self._completion(prompt, body, num_predict, top, on_text), top_logprobs
        )

    async def _completion(
        self, prompt: Prompt, body: dict[str, Any], num_predict: int, top_logprobs: int, on_text: OnText | None
    ) -> Completion:
        if top_logprobs:
            body = {**body, "logprobs": True, "top_logprobs": top_logprobs}
        limit = completion_limit(num_predict)
        if on_text is None:
            content = await self._call("POST", "/chat/completions", body, limit)
            answer = _parse(content, ChatAnswer)
        else:
            stream = _Stream(on_text)
            body = {**body, "stream": True, "stream_options": {"include_usage": True}}
            await self._call("POST", "/chat/completions", body, limit, stream.take)
            answer = stream.whole()
        if not answer.choices:
            raise EngineFailedError("the engine's answer has no choices")
        choice, usage = answer.choices[0], answer.usage
        return Completion(
            text=choice.message.content or "",
            prompt_tokens=plausible_tokens(usage.prompt_tokens, prompt),
            completion_tokens=usage.completion_tokens if usage.completion_tokens <= num_predict else 0,
            was_cut=choice.finish_reason == "length",
            worked_s=answer.timings.worked_s,
            first_token=first_token(choice.logprobs.content),
        )

    async def _expect(self, model: str) -> None:
        """Raise if the server does not have the model: llama.cpp answers for any name."""
        if model in self._models:
            return
        await self._list()
        if model not in self._models:
            raise ModelNotFoundError(_not_found(model, self._models))

    async def _list(self) -> Models:
        models = _parse(await self._call("GET", "/models"), Models)
        self._models = tuple(model.id for model in models.data)
        return models

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        limit: int = MAX_ANSWER_BYTES,
        on_line: Callable[[bytes], None] | None = None,
    ) -> bytes:
        status, content = await self._exchange(method, path, body, limit, on_line)
        if status != 200:
            error = _error_of(status, on_one_line(error_message(content, 4 * MAX_MESSAGE_CHARACTERS)))
            if isinstance(error, EngineRejectedError) and status in (401, 403):
                self._refusal = error
            raise error
        if method == "POST":
            self._refusal = None
        return content


class _Stream:
    """Assembles the events of a streamed answer; in all servers with this API each is one line of data."""

    # The libraries for server-sent events do not limit what they read.

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._text = ""
        self._finish_reason: str | None = None
        self._logprobs = Logprobs()
        self._usage = Usage()
        self._timings = Timings()

    def take(self, line: bytes) -> None:
        """Take the next line. Raises EngineError if it reports one or is not a valid event."""
        name, _, data = line.strip().partition(b":")
        if name in (b"", b"event", b"id", b"retry") or data.strip() == b"[DONE]":
            return
        content = data if name == b"data" else line
        chunk = _parse(content, ChatChunk)
        if chunk.error is not None:
            message = on_one_line(error_message(content, 4 * MAX_MESSAGE_CHARACTERS))
            if _TOO_LONG.search(message):
                raise PromptTooLongError(message)
            raise EngineFailedError(f"the engine failed: {message}")
        self._usage = chunk.usage or self._usage
        self._timings = chunk.timings or self._timings
        for choice in chunk.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason
            self._logprobs = self._logprobs if self._logprobs.content else choice.logprobs
            if choice.delta.content:
                self._text += choice.delta.content
                self._on_text(self._text)

    def whole(self) -> ChatAnswer:
        """The answer as it would be without streaming. Raises EngineFailedError."""
        if self._finish_reason is None:
            raise EngineFailedError("the engine's answer is incomplete: it has no finish_reason")
        message = Message(content=self._text)
        choice = Choice(message=message, logprobs=self._logprobs, finish_reason=self._finish_reason)
        return ChatAnswer(choices=[choice], usage=self._usage, timings=self._timings)


def _parse(content: bytes, kind: type[AnswerT]) -> AnswerT:
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        message = on_one_line(error_message(content, 4 * MAX_MESSAGE_CHARACTERS))
        raise EngineFailedError(f"the engine's answer is not one of the OpenAI API's: {message}") from None


def _error_of(status: int, message: str) -> EngineError:
    sentence = f"the engine answered {status}: {message}"
    match status:
        case 400 | 413 | 422 | 500 if _TOO_LONG.search(message):
            return PromptTooLongError(message)
        case 401 | 403:
            return EngineRejectedError(f"{sentence}; see CONDENSER_OPENAI_API_KEY")
        case 404:
            return ModelNotFoundError(message)
        case 429 | 503:  # llama.cpp: "Loading model"
            return EngineBusyError(message)
    return EngineFailedError(sentence) if status >= 500 else EngineRejectedError(sentence)


def _not_found(model: str, models: tuple[str, ...]) -> str:
    return f"model '{model}' not found; the server has {', '.join(models) or 'none'} (CONDENSER_MODEL)"
