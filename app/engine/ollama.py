"""A thin client of Ollama's native API. What Ollama does is in Ollama's own docs and source, v0.16.1."""

import re
from dataclasses import dataclass
from typing import Any, Self

import httpx
from pydantic import ValidationError

from app.capsule.prompts import Prompt
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    EngineTimeoutError,
    EngineUnreachableError,
    ModelNotFoundError,
    NoConnectionError,
    PromptTooLongError,
)
from app.engine.ollama_answers import (
    AnswerT,
    ChatAnswer,
    ErrorBody,
    Loaded,
    LoadedModel,
    ModelInfo,
    Tags,
    Version,
)
from app.tasks import scoped

CONNECT_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of what is no completion: licence and tensors of a model, all models' rows
_BYTES_AROUND_COMPLETION = 65_536
_BYTES_PER_TOKEN = 1024  # the longest tokens are runs of some hundred spaces; JSON writes a byte in six at most
_TEMPLATE_TOKENS = 512  # that a chat template puts around two messages, generously
_MAX_MESSAGE_CHARACTERS = 500

# "the input length exceeds the context length" (ollama, runner.go) and the wordings that name both sizes.
_TOO_LONG = re.compile(r"input length exceeds|exceeds? .{0,60}context|context .{0,60}exceed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, and how many tokens that took: 0 where Ollama did not say, or said what can't be."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    was_cut: bool
    worked_s: float | None = None


class OllamaClient:
    """Ollama at `base_url`, through one connection pool; close it with `aclose` or as a context manager."""

    def __init__(self, base_url: str, *, num_ctx: int, keep_alive: str, seed: int) -> None:
        self.base_url = base_url
        self.num_ctx = num_ctx
        self._keep_alive = _keep_alive(keep_alive)
        self._seed = seed
        # No read timeout: the deadline of the request that a call serves bounds it (Engine.complete).
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            # A compressed answer could be a thousand times its size before that can be seen.
            headers={"accept-encoding": "identity"},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=False,
        )
        self._thinkers: dict[str, bool] = {}

    async def aclose(self) -> None:
        """Close the connection pool; calls in flight fail."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def version(self) -> str:
        """The server's version. Raises EngineError where it does not answer as Ollama does."""
        return (await self._call("GET", "/api/version", Version)).version

    async def installed_models(self) -> list[str]:
        """Names of the models that the server has, tag included."""
        return [model.name for model in (await self._call("GET", "/api/tags", Tags)).models]

    async def loaded_models(self) -> list[LoadedModel]:
        """The models in memory and how much of each is on the GPU."""
        return (await self._call("GET", "/api/ps", Loaded)).models

    async def preload(self, model: str) -> None:
        """Load `model` with the context window of every later call: a chat without messages does that."""
        body = {
            "model": model,
            "keep_alive": self._keep_alive,
            "options": {"num_ctx": self.num_ctx},
            "stream": False,
        }
        await self._call("POST", "/api/chat", ChatAnswer, body)

    async def chat(self, prompt: Prompt, *, model: str, num_predict: int) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens, temperature 0.

        Raises PromptTooLongError where the prompt does not fit or comes back with the count of a full context
        window, ModelNotFoundError, and the other EngineErrors for what else can go wrong.
        """
        body = await self.chat_body(prompt, model=model, num_predict=num_predict)
        limit = _BYTES_AROUND_COMPLETION + num_predict * _BYTES_PER_TOKEN
        answer = await self._call("POST", "/api/chat", ChatAnswer, body, limit)
        if not answer.done:
            raise EngineFailedError("the engine's answer is not whole: done is false")
        prompt_tokens = _prompt_tokens(answer, prompt)
        if looks_truncated(prompt_tokens, self.num_ctx):
            raise PromptTooLongError(
                f"the engine cut the prompt: prompt_eval_count is {answer.prompt_eval_count} of {self.num_ctx}"
            )
        return Completion(
            text=answer.message.content,
            prompt_tokens=prompt_tokens,
            completion_tokens=answer.eval_count if answer.eval_count <= num_predict else 0,
            was_cut=answer.done_reason == "length",
            worked_s=answer.worked_s,
        )

    async def chat_body(self, prompt: Prompt, *, model: str, num_predict: int) -> dict[str, Any]:
        """Body of the `POST /api/chat` that `chat` sends; the options that make Ollama reload a model never vary."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "stream": False,
            "truncate": False,
            "shift": False,
            "keep_alive": self._keep_alive,
            "options": {
                "num_ctx": self.num_ctx,
                "num_predict": num_predict,
                "temperature": 0,
                "seed": self._seed,
            },
        }
        if await self._can_think(model):
            body["think"] = False
        return body

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
        try:
            status, content = await scoped(lambda: self._exchange(method, path, body, limit))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoConnectionError(f"no connection to {self.base_url}: {_reason(error)}") from error
        except httpx.TimeoutException as error:
            raise EngineTimeoutError(f"{self.base_url} did not answer in time: {_reason(error)}") from error
        except httpx.HTTPError as error:
            raise EngineUnreachableError(f"the connection to {self.base_url} broke: {_reason(error)}") from error
        if status != 200:
            raise error_of(status, _error_message(content))
        return _parse(content, kind)

    async def _exchange(self, method: str, path: str, body: object, limit: int) -> tuple[int, bytes]:
        """Status and body of the answer. Raises EngineFailedError for a body over `limit` bytes."""
        async with self._http.stream(method, path, json=body) as response:
            return response.status_code, await _read(response, limit)


def looks_truncated(prompt_eval_count: int, num_ctx: int) -> bool:
    """Whether this many tokens are what a server that ignores `truncate: false` leaves of a longer prompt.

    It leaves a full context window or, for some models, half of one (ollama issues 3839, 17427). A whole prompt of
    just that size is taken for a truncated one: that costs a second, shorter call.
    """
    return prompt_eval_count >= num_ctx or prompt_eval_count in (num_ctx // 2, num_ctx // 2 + 1)


def _prompt_tokens(answer: ChatAnswer, prompt: Prompt) -> int:
    """The engine's count of the prompt; 0 where it did not say, or says more than the prompt can have.

    No token of a text is less than one byte of it, and no character of UTF-8 is more than four.
    """
    most = 4 * (len(prompt.system) + len(prompt.user)) + _TEMPLATE_TOKENS
    return answer.prompt_eval_count if answer.prompt_eval_count <= most else 0


async def _read(response: httpx.Response, limit: int) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit:
            raise EngineFailedError(f"the engine's answer is over {limit} bytes")
    return bytes(content)


def _parse(content: bytes, kind: type[AnswerT]) -> AnswerT:
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        message = _error_message(content)
        raise EngineFailedError(f"the engine's answer is not one of Ollama's: {message}") from None


def _error_message(content: bytes) -> str:
    """Ollama's own words, `{"error": "..."}`; else the beginning of what came."""
    try:
        message = ErrorBody.model_validate_json(content).error
    except ValidationError:
        message = content[: 4 * _MAX_MESSAGE_CHARACTERS].decode(errors="replace")
    return " ".join(message.split())[:_MAX_MESSAGE_CHARACTERS] or "(no message)"


def error_of(status: int, message: str) -> EngineError:
    """The error that an answer of Ollama's with this HTTP status and message stands for."""
    if _TOO_LONG.search(message):
        return PromptTooLongError(message)
    if status == 404:
        return ModelNotFoundError(message)
    if status == 503:
        return EngineBusyError(message)
    if status >= 500:
        return EngineFailedError(f"the engine answered {status}: {message}")
    return EngineRejectedError(f"the engine answered {status}: {message}")


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _keep_alive(value: str) -> str | float:
    """Ollama takes a bare number of seconds, and -1, as a JSON number only (api.Duration.UnmarshalJSON)."""
    try:
        return float(value)
    except ValueError:
        return value
