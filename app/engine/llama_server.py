"""llama.cpp's own HTTP server inside this process, and the fields of its answers that Ollama's API needs."""

import secrets
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import xllamacpp
from pydantic import BaseModel, ConfigDict

from app.engine.embedded import EmbeddedConfig

_OPTIONS: tuple[str, ...] = (
    "temperature",
    "seed",
    "top_k",
    "top_p",
    "min_p",
    "stop",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
)
"""Options that have the same name in Ollama and llama.cpp."""


class LlamaError(Exception):
    """llama.cpp rejected a request; `is_too_long` if the prompt does not fit its context window."""

    def __init__(self, message: str, status: int, is_too_long: bool) -> None:
        super().__init__(message)
        self.status = status
        self.is_too_long = is_too_long


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Text(_Part):
    content: str | None = None


class Candidate(_Part):
    """A token and its natural log probability."""

    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None


class Position(Candidate):
    """A token of the completion, and the most probable tokens at its position."""

    top_logprobs: tuple[Candidate, ...] = ()


class _Logprobs(_Part):
    content: tuple[Position, ...] = ()


class _Choice(_Part):
    finish_reason: str | None = None
    delta: _Text = _Text()
    logprobs: _Logprobs | None = None


class _Usage(_Part):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Timings(_Part):
    prompt_ms: float = 0.0
    predicted_ms: float = 0.0


class Chunk(_Part):
    """A chunk of a streamed chat completion; the last ones carry `finish_reason`, `usage` and `timings`."""

    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    timings: _Timings | None = None


class _Refusal(_Part):
    message: str = "no message"
    type: str = ""


class _RefusalBody(_Part):
    error: _Refusal = _Refusal()


class LlamaServer:
    """A loaded model with `num_parallel` slots and continuous batching, reached over loopback with a random key."""

    def __init__(self, config: EmbeddedConfig) -> None:
        key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(config.model)
        params.model_alias = {config.name}
        params.n_ctx = config.num_ctx * config.num_parallel
        params.n_parallel = config.num_parallel
        params.ctx_shift = False
        # Each slot caches its last prompt, whose prefix the next one shares. llama.cpp would also cache all others:
        # 11 MB per text, up to 8 GiB.
        params.cache_ram_mib = 0
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.api_keys = [key]
        params.ui = False
        params.verbosity = -1
        if config.threads is not None:
            params.cpuparams.n_threads = config.threads
            params.cpuparams_batch.n_threads = config.threads
        self._server = xllamacpp.Server(params)
        self._http = httpx.AsyncClient(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=None,  # the request has a deadline  # noqa: S113 # nosec B113
            # llama.cpp closes each connection after its answer, so a reused one may be closed already.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections to llama.cpp, which itself ends with the process."""
        await self._http.aclose()

    async def chat(
        self, messages: list[dict[str, str]], options: dict[str, Any], top_logprobs: int = 0
    ) -> AsyncGenerator[Chunk, None]:
        """The chunks of the completion of `messages`, with the model's own chat template.

        `options` are Ollama's, including `num_predict`. If `top_logprobs` is over 0, each token comes with its log
        probability and that many candidates. Closing the iterator stops the generation in llama.cpp. Raises LlamaError.
        """
        body: dict[str, Any] = {
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": max(-1, options["num_predict"]),
            **{name: options[name] for name in _OPTIONS if name in options},
            **({"logprobs": True, "top_logprobs": top_logprobs} if top_logprobs else {}),
        }
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != 200:
                raise _refused(response.status_code, await response.aread())
            async for line in response.aiter_lines():
                if line.startswith("error: "):
                    raise _refused(500, line.removeprefix("error: ").encode())
                if line.startswith("data: ") and line != "data: [DONE]":
                    yield _chunk(line.removeprefix("data: "))


def _chunk(data: str) -> Chunk:
    if data.startswith('{"error"'):
        raise _refused(500, data.encode())
    return Chunk.model_validate_json(data)


def _refused(status: int, content: bytes) -> LlamaError:
    try:
        refusal = _RefusalBody.model_validate_json(content).error
    except ValueError:
        refusal = _Refusal(message=content[:500].decode(errors="replace"))
    return LlamaError(refusal.message, status, refusal.type == "exceed_context_size_error")
