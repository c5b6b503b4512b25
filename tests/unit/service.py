"""The application in this process, in front of an Ollama that respx plays."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import respx
from fastapi import FastAPI

from app.api.service import Service
from app.main import create_app
from app.settings import Settings
from tests.unit.mocker import EVERY_TRANSPORT

URL = "http://ollama.test:11434"
MODEL = "qwen2.5:7b-instruct"
OTHER_MODEL = "another:latest"
TEXT = (
    "The ferry to Tallinn leaves at 07:45 on weekdays and it is full most of the time. Nobody knows why, but people "
    "like to talk about it over coffee and cake for hours, and they never seem to get tired of it. Tickets cost "
    "24 euros. Children under six travel for nothing if an adult is with them. In winter the crossing takes 150 "
    "minutes, since the ice holds the ship up. Dogs must stay on the upper deck. The harbour office sells tickets "
    "until the evening before the crossing, and on board they are dearer. Bicycles are carried without extra charge "
    "as long as there is room for them. The captain decides alone whether the ship sails in a storm, and whoever has "
    "booked then gets the money back."
)
SUMMARY = "The ferry to Tallinn leaves at 07:45 on weekdays."
"""A summary of TEXT that stands the check."""

Upstream = respx.MockRouter
Chat = Callable[[httpx.Request], Any]


def answer(text: str, prompt_tokens: int = 120, completion_tokens: int = 12) -> dict[str, Any]:
    """A whole answer of `/api/chat`."""
    return {
        "model": MODEL,
        "created_at": "2026-11-23T10:44:43.19314252Z",
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": "stop",
        "total_duration": 563642844,
        "prompt_eval_count": prompt_tokens,
        "eval_count": completion_tokens,
    }


def prompt_of(request: httpx.Request) -> str:
    """What a call to `/api/chat` asks; empty for a preload."""
    messages = json.loads(request.content).get("messages") or [{"content": ""}]
    return str(messages[-1]["content"])


def is_warm_up(request: httpx.Request) -> bool:
    """Whether a call is the service's own at its start, about no text."""
    prompt = prompt_of(request)
    return not prompt or prompt.startswith("<text>\n\n</text>")


@contextmanager
def ollama(chat: Chat | httpx.Response | Exception) -> Iterator[Upstream]:
    """An Ollama with MODEL, loaded, and OTHER_MODEL that answers warm-ups well and everything else by `chat`."""

    async def respond(request: httpx.Request) -> httpx.Response:
        if is_warm_up(request):
            return httpx.Response(200, json=answer("", 50, 1))
        if isinstance(chat, Exception):
            raise chat
        if isinstance(chat, httpx.Response):
            return chat
        response: httpx.Response = await chat(request)
        return response

    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.get("/api/version").respond(json={"version": "0.16.1"})
        router.get("/api/tags").respond(json={"models": [{"name": MODEL}, {"name": OTHER_MODEL}]})
        router.get("/api/ps").respond(json={"models": [{"name": MODEL, "size": 100, "size_vram": 100}]})
        router.post("/api/show").respond(json={"capabilities": ["completion"]})
        router.post("/api/chat").mock(side_effect=respond)
        yield router


async def warmed_up() -> None:
    """Return when the service that was started last has made its own calls, which take a place in the engine too."""
    warm_ups = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "_warm_up"]
    await asyncio.gather(*warm_ups)


class AppClient(httpx.AsyncClient):
    """A client of an application in this process, with the parts of that application."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(transport=httpx.ASGITransport(app=app), base_url="http://localhost")
        self.app = app

    @property
    def service(self) -> Service:
        """The parts that requests need."""
        service: Service = self.app.state.service
        return service


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[AppClient]:
    """A client of the application with these settings over the defaults, started and stopped around the block."""
    given = {"ollama_url": URL, "model": MODEL, "cache_bytes": 0, "engine_check": "off", **settings}
    app = create_app(Settings(_env_file=None, **given))  # type: ignore[call-arg]
    async with app.router.lifespan_context(app), AppClient(app) as client:
        yield client
