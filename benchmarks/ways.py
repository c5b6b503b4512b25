"""What a benchmark of the service compares: a call made directly, through the service, through LiteLLM's proxy."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from app.compression.compressor import Method
from app.compression.prompts import summarize_prompt
from app.compression.summarizer import MOST_SUMMARY_TOKENS
from app.text.language import Language
from benchmarks.simulated_ollama import MODEL

Call = Callable[[aiohttp.ClientSession, str], Awaitable[None]]


@dataclass
class Figures:
    """What was measured: for each name its values, one a round."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Write a value of a round down."""
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.values[name])

    def told(self, name: str, digits: int = 1) -> str:
        """Median, lowest and highest."""
        values = self.values[name]
        return f"{self.median(name):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def messages_about(text: str) -> list[dict[str, str]]:
    """What the service asks the engine about a text."""
    prompt = summarize_prompt(text, Language("en"), MOST_SUMMARY_TOKENS)
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]


def directly(url: str) -> Call:
    """The call that the service makes of the engine, made by the client."""

    async def call(session: aiohttp.ClientSession, text: str) -> None:
        options = {"num_predict": MOST_SUMMARY_TOKENS}
        body = {"model": MODEL, "messages": messages_about(text), "stream": False, "options": options}
        async with session.post(f"{url}/api/chat", json=body) as response:
            assert (await response.json())["done"]

    return call


def through_condenser(url: str, method: Method = "auto") -> Call:
    """A compression."""

    async def call(session: aiohttp.ClientSession, text: str) -> None:
        async with session.post(f"{url}/compress", json={"text": text, "method": method}) as response:
            assert response.status == 200, await response.text()
            await response.json()

    return call


def through_litellm(url: str) -> Call:
    """A bare summary by LiteLLM's proxy, which checks nothing."""

    async def call(session: aiohttp.ClientSession, text: str) -> None:
        body = {"model": MODEL, "messages": messages_about(text)}
        async with session.post(f"{url}/chat/completions", json=body) as response:
            assert response.status == 200, await response.text()
            await response.json()

    return call
