"""What speaks to the server that runs the model: completions, models, and whether it is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

OnText = Callable[[str], None]
"""Is given the whole text that the model has written so far, whenever more of it has come.

Where a call breaks off and is made again in another server, the text begins anew.
"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to the model as its two messages."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, and how many tokens that took: 0 where the engine did not say, or said what can't be.

    By the engine's own word, seconds: `worked_s`, how long it worked on it; `took_s`, its own queue as well.
    `load_s`: until it had the model loaded, None where it does not say.
    `first_token`: candidates for the first token, text to natural log probability; None where the engine gave none.
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

    `gpu_ratio`, 0 to 1, is the share of it that is in GPU memory, `num_ctx` its context window in tokens; None where
    that is not known.
    """

    name: str
    gpu_ratio: float | None = None
    num_ctx: int | None = None


class EngineClient(Protocol):
    """One server that runs models, at `base_url`, with a context window of at least `num_ctx` tokens in every call.

    All of it raises the EngineErrors (app/engine/errors.py) for what can go wrong.
    """

    @property
    def base_url(self) -> str: ...

    @property
    def num_ctx(self) -> int: ...

    @property
    def can_score(self) -> bool | None:
        """Whether it gives log probabilities; None until an answer has told."""
        ...

    async def version(self) -> str:
        """What the server says that it is."""
        ...

    async def installed_models(self) -> list[str]:
        """Names of the models that it can serve."""
        ...

    async def loaded_models(self) -> list[LoadedModel]:
        """The models in memory."""
        ...

    async def preload(self, model: str) -> float | None:
        """Have `model` in memory; seconds until it was, None where the server does not say."""
        ...

    async def chat(
        self, prompt: Prompt, *, model: str, num_predict: int, top_logprobs: int = 0, on_text: OnText | None = None
    ) -> Completion:
        """The completion of `prompt`, of at most `num_predict` tokens, temperature 0.

        With `top_logprobs` over 0 (20 at most) that many candidates for the first token come with it, where the server
        gives them. With `on_text` the server is asked to stream.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections; calls in flight fail."""
        ...
