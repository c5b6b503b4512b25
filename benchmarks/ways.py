"""The ways that benchmarks compare: calls to the engine, through the service, and through LiteLLM's proxy."""

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
    """The figures: for each name its values, one per round."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Record the value of a round."""
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.values[name])

    def formatted(self, name: str, digits: int = 1) -> str:
        """Median, minimum and maximum."""
        values = self.values[name]
        return f"{self.median(name):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def messages_about(text: str) -> list[dict[str, str]]:
    """The messages that the service sends to the engine for a text."""
    prompt = summarize_prompt(text, Language("en"), MOST_SUMMARY_TOKENS)
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]


def directly(url: str) -> Call:
    """The engine call that the service would make, made by the client."""

    async def call(session: aiohttp.ClientSession, text: str) -> None:
        options = {"num_predict": MOST_SUMMARY_TOKENS}
        body = {"model": MODEL, "messages": messages_about(text), "stream": False, "options": options}
        async with session.post(f"{url}/api/chat", json=body) as response:
            assert (await response.json())["done"]

    return call


def through_condenser(url: str, method: Method = "auto") -> Call:
    """A compression by the service."""

    async def call(session: aiohttp.ClientSession, text: str) -> None:
        async with session.post(f"{url}/compress", json={"text": text, "method": method}) as response:
            assert response.status == 200, await response.text()
            await response.json()

    return call


def through_litellm(url: str) -> Call:
    """A summary through LiteLLM's proxy, without a check."""

    async def call(session: aiohttp.ClientSession, text: str) -> None:
        body = {"model": MODEL, "messages": messages_about(text)}
        async with session.post(f"{url}/chat/completions", json=body) as response:
            assert response.status == 200, await response.text()
            await response.json()

    return call
