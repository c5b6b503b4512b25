"""Protocol of a client of the server that runs the model: completions, models and status."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

EngineName = Literal["ollama", "embedded", "openai"]

OnText = Callable[[str], None]
"""Called with the whole text that the model has written so far, whenever more of it arrives.

If a call breaks off and is repeated on another server, the text starts again from the beginning.
"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The two messages that are sent to the model."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, and its token counts: 0 if the engine did not report them or reported an impossible number.

    Seconds, as the engine reports them: `worked_s` is the time it worked on the call; `took_s` includes its own queue.
    `load_s`: time until the model was loaded, None if not reported. `first_token`: candidates for the first token, text
    to natural log probability; None if the engine gave none.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    was_cut: bool
    worked_s: float | None = None
    took_s: float | None = None
    load_s: float | None = None
    first_token: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is in memory.

    `gpu_ratio`, 0 to 1, is the share of it in GPU memory; `num_ctx` is its context window in tokens. None if not known.
    """

    name: str
    gpu_ratio: float | None = None
    num_ctx: int | None = None


class EngineClient(Protocol):
    """A server that runs models, at `base_url`, with a context window of at least `num_ctx` tokens in every call.

    All methods raise the EngineErrors of app/engine/errors.py.
    """

    @property
    def base_url(self) -> str: ...

    @property
    def num_ctx(self) -> int: ...

    @property
    def can_score(self) -> bool | None:
        """Whether it gives log probabilities; None until an answer has shown it."""
        ...

    async def version(self) -> str:
        """Name and version that the server reports."""
        ...

    async def installed_models(self) -> list[str]:
        """Names of the models that it can serve."""
        ...

    async def loaded_models(self) -> list[LoadedModel]: ...

    async def preload(self, model: str) -> float | None:
        """Load `model` into memory. Returns the seconds that took, None if the server does not report them."""
        ...

    async def chat(
        self, prompt: Prompt, *, model: str, num_predict: int, top_logprobs: int = 0, on_text: OnText | None = None
    ) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens, at temperature 0.

        If `top_logprobs` is over 0 (at most 20), that many candidates for the first token come with it, if the server
        supports it. With `on_text` the server is asked to stream.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections; calls in flight fail."""
        ...
