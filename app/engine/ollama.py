"""A thin client of Ollama's native API. docs/ollama.md has the facts about Ollama that it relies on."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

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
from app.engine.ollama_answers import (
    AnswerT,
    ChatAnswer,
    ErrorBody,
    Loaded,
    Message,
    ModelInfo,
    Tags,
    Version,
)
from app.engine.scores import first_token
from app.engine.status import canonical
from app.engine.windows import Windows

_LOOK_LIMIT_S = 2.0

# "the input length exceeds the context length", "the prompt is longer than the context length" (ollama,
# llm/llama_server.go), "Context size has been exceeded" (llama.cpp) and wordings that name both sizes.
_TOO_LONG = re.compile(
    r"input length exceeds|(?:exceeds?|longer than) .{0,60}context|context .{0,60}exceed", re.IGNORECASE
)

_MOST_KEPT = 5  # num_keep, 4 by default, plus the token that starts the text (ollama, llm/llama_server.go)


class OllamaClient(HttpEngineClient):
    """Ollama at `base_url`; gives log probabilities since version 0.12.11."""

    def __init__(self, base_url: str, *, num_ctx: int, keep_alive: str, seed: int) -> None:
        super().__init__(base_url, num_ctx, seed)
        self._keep_alive = _keep_alive(keep_alive)
        self._thinkers: dict[str, bool] = {}
        self._windows = Windows(num_ctx, self._loaded_num_ctx)

    async def version(self) -> str:
        """The server's version. Raises EngineError if it does not answer as Ollama does."""
        return (await self._call("GET", "/api/version", Version)).version

    async def installed_models(self) -> list[str]:
        """Names of the installed models, tag included."""
        return [model.name for model in (await self._call("GET", "/api/tags", Tags)).models]

    async def loaded_models(self) -> list[LoadedModel]:
        """The models in memory, the share of each on the GPU, and their context windows."""
        rows = (await self._call("GET", "/api/ps", Loaded)).models
        return [LoadedModel(row.name, row.gpu_ratio, row.context_length or None) for row in rows]

    async def _loaded_num_ctx(self, model: str) -> int | None:
        try:
            async with asyncio.timeout(_LOOK_LIMIT_S):
                loaded = await self.loaded_models()
        except (EngineError, TimeoutError):
            return None  # the call that needs it will report the error
        return next((row.num_ctx for row in loaded if canonical(row.name) == canonical(model)), None)

    async def preload(self, model: str) -> float | None:
        """Load `model` with the options of later calls, by a chat without messages; seconds until it was loaded."""
        async with self._windows.of(model) as window:
            body = {
                "model": model,
                "keep_alive": self._keep_alive,
                "options": {"num_ctx": window.num_ctx},
                "stream": False,
            }
            return (await self._call("POST", "/api/chat", ChatAnswer, body)).load_s

    async def chat(
        self, prompt: Prompt, *, model: str, num_predict: int, top_logprobs: int = 0, on_text: OnText | None = None
    ) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens, at temperature 0.

        `top_logprobs`, `on_text`: see EngineClient.chat. Raises PromptTooLongError if the prompt does not fit or its
        token count is that of a full context window, ModelNotFoundError, and the other EngineErrors for other failures.
        """
        async with self.chat_body(prompt, model=model, num_predict=num_predict) as body:
            return await self._scoring.chat(lambda top: self._completion(prompt, body, top, on_text), top_logprobs)

    async def _completion(
        self, prompt: Prompt, body: dict[str, Any], top_logprobs: int, on_text: OnText | None
    ) -> Completion:
        num_predict, num_ctx = body["options"]["num_predict"], body["options"]["num_ctx"]
        if top_logprobs:
            body = {**body, "logprobs": True, "top_logprobs": top_logprobs}
        limit = completion_limit(num_predict)
        if on_text is None:
            answer = await self._call("POST", "/api/chat", ChatAnswer, body, limit)
        else:
            answer = await self._streamed({**body, "stream": True}, limit, on_text)
        if not answer.done:
            raise EngineFailedError("the engine's answer is incomplete: done is false")
        prompt_tokens = plausible_tokens(answer.prompt_eval_count, prompt)
        completion_tokens = answer.eval_count if answer.eval_count <= num_predict else 0
        if looks_truncated(prompt_tokens, num_ctx):
            raise PromptTooLongError(
                f"the engine cut the prompt: prompt_eval_count is {answer.prompt_eval_count} of {num_ctx}"
            )
        if prompt_tokens + completion_tokens > num_ctx:
            raise PromptTooLongError(
                f"the engine dropped the start of the prompt: {prompt_tokens} and {completion_tokens} tokens "
                f"are over {num_ctx}"
            )
        return Completion(
            text=answer.message.content,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            was_cut=answer.done_reason == "length",
            worked_s=answer.worked_s,
            took_s=answer.took_s,
            load_s=answer.load_s,
            first_token=first_token(answer.logprobs),
        )

    async def _streamed(self, body: dict[str, Any], limit: int, on_text: OnText) -> ChatAnswer:
        stream = _Stream(on_text)
        status, content = await self._exchange("POST", "/api/chat", body, limit, stream.take)
        if status != 200:
            raise error_of(status, _error_message(content))
        return stream.whole()

    @asynccontextmanager
    async def chat_body(self, prompt: Prompt, *, model: str, num_predict: int) -> AsyncIterator[dict[str, Any]]:
        """Body of the `POST /api/chat` that `chat` sends; the call is made in the block.

        Of the options that make Ollama reload a model it contains `num_ctx` only. `shift: false` would be another one
        since Ollama 0.30.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": messages_of(prompt),
            "stream": False,
            "truncate": False,
            "options": {"num_predict": num_predict, "temperature": 0, "seed": self._seed},
        }
        if await self._can_think(model):
            body["think"] = False
        async with self._windows.of(model) as window:
            body["options"]["num_ctx"] = window.num_ctx
            # A call that waits for a reload sets keep_alive to 0; later calls that set it again would keep it waiting.
            if window.is_first:
                body["keep_alive"] = self._keep_alive
            yield body

    async def _can_think(self, model: str) -> bool:
        if model not in self._thinkers:
            info = await self._call("POST", "/api/show", ModelInfo, {"model": model})
            if len(self._thinkers) >= 256:
                self._thinkers.clear()
            self._thinkers[model] = "thinking" in info.capabilities
        return self._thinkers[model]

    async def _call(
        self, method: str, path: str, kind: type[AnswerT], body: object = None, limit: int = MAX_ANSWER_BYTES
    ) -> AnswerT:
        status, content = await self._exchange(method, path, body, limit)
        if status != 200:
            raise error_of(status, _error_message(content))
        return _parse(content, kind)


def looks_truncated(prompt_eval_count: int, num_ctx: int) -> bool:
    """Whether a server that ignores `truncate: false` leaves this many tokens of a longer prompt.

    It leaves a full context window, for some models half of one (ollama issues 3839, 17427), and since 0.30 half of
    what exceeds the tokens that it keeps: 2050 of 4096. A complete prompt of exactly that size is taken for a truncated
    one; the cost is a second, shorter call.
    """
    halves = (num_ctx - (num_ctx - kept) // 2 for kept in range(_MOST_KEPT + 1))
    return prompt_eval_count >= num_ctx or prompt_eval_count in (num_ctx // 2, *halves)


class _Stream:
    """Assembles the lines of a streamed answer."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._text = ""
        self._logprobs: Any = None
        self._last: ChatAnswer | None = None

    def take(self, line: bytes) -> None:
        """Take the next line. Raises EngineError if it reports one."""
        if not line.strip():
            return
        self._last = _parse(line, ChatAnswer)
        self._logprobs = self._logprobs or self._last.logprobs
        if self._last.message.content:
            self._text += self._last.message.content
            self._on_text(self._text)

    def whole(self) -> ChatAnswer:
        """The answer as it would be without streaming: the last line with all text. Raises EngineFailedError."""
        if self._last is None:
            raise EngineFailedError("the engine's answer is empty")
        return self._last.model_copy(update={"message": Message(content=self._text), "logprobs": self._logprobs})


def _parse(content: bytes, kind: type[AnswerT]) -> AnswerT:
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        message = _stated_error(content)
    if message is None:
        raise EngineFailedError(f"the engine's answer is not one of Ollama's: {_error_message(content)}")
    # An error that occurs after the answer has started has status 200.
    if _TOO_LONG.search(message):
        raise PromptTooLongError(message)
    raise EngineFailedError(f"the engine failed: {message}")


def _stated_error(content: bytes) -> str | None:
    """Ollama's own message, `{"error": "..."}`; None if there is none."""
    try:
        return on_one_line(ErrorBody.model_validate_json(content).error)
    except ValidationError:
        return None


def _error_message(content: bytes) -> str:
    """Ollama's own message, else the start of the body."""
    beginning = content[: 4 * MAX_MESSAGE_CHARACTERS].decode(errors="replace")
    return _stated_error(content) or on_one_line(beginning)


def error_of(status: int, message: str) -> EngineError:
    """The error for an answer of Ollama's with this HTTP status and message."""
    if _TOO_LONG.search(message):
        return PromptTooLongError(message)
    if status == 404:
        return ModelNotFoundError(message)
    if status == 503:
        return EngineBusyError(message)
    if status >= 500:
        return EngineFailedError(f"the engine answered {status}: {message}")
    return EngineRejectedError(f"the engine answered {status}: {message}")


def _keep_alive(value: str) -> str | float:
    """Ollama accepts a number of seconds, or -1, only as a JSON number (api.Duration.UnmarshalJSON)."""
    try:
        return float(value)
    except ValueError:
        return value
