"""A simulated Ollama with slots and a service time, to measure what the service itself adds.

    .venv/bin/python -m benchmarks.simulated_ollama --port 11500 --slots 5 --service-s 1.2

It answers the service's calls in Ollama's format. The summary is the beginning of the text; a streamed answer has lines
of a few words, spread over the time of the call. `POST /control` sets `slots`, `service_s`, `spread`, `held`, `fault`
and `fault_share` at run time; `GET /control` returns these and counts.
"""

import argparse
import asyncio
import json
import random
import re
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "simulated:7b"
FAULTS = ("", "500", "503", "cut", "hang", "nonsense")
CHARACTERS_PER_TOKEN = 4
MOST_CHARACTERS = 240  # of an answer
CHARACTERS_PER_LINE = 20  # of a streamed answer


@dataclass
class Engine:
    """`slots` calls at once, each for `service_s` seconds, varied by the share `spread`; none ends while `held`.

    The share `fault_share` of calls ends in `fault`, one of FAULTS.
    """

    slots: int
    service_s: float
    spread: float = 0.0
    held: bool = False
    fault: str = ""
    fault_share: float = 0.0
    served: int = 0
    in_service: int = 0
    most_in_service: int = 0
    waiting: int = 0
    free: asyncio.Semaphore = field(init=False, repr=False)
    released: asyncio.Event = field(init=False, repr=False)
    dice: random.Random = field(init=False, repr=False)
    shrinking: list[asyncio.Future[bool]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.slots)
        self.released = asyncio.Event()
        self.released.set()
        self.dice = random.Random(1)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot for the block."""
        self.waiting += 1
        try:
            await self.free.acquire()
        finally:
            self.waiting -= 1
        self.in_service += 1
        self.most_in_service = max(self.most_in_service, self.in_service)
        try:
            yield
        finally:
            self.in_service -= 1
            self.free.release()

    async def serve(self, steps: int = 1) -> AsyncGenerator[float, None]:
        """Work on a call in `steps` equal steps; yields the seconds so far after each."""
        async with self.slot():
            started = time.perf_counter()
            await self.released.wait()
            service_s = self.service_s * (1 + self.spread * self.dice.uniform(-1, 1))
            for step in range(1, steps + 1):
                if self.service_s:
                    await asyncio.sleep(started + service_s * step / steps - time.perf_counter())
                if step == steps:
                    self.served += 1
                yield time.perf_counter() - started

    def resize(self, slots: int) -> None:
        """Set the number of slots; calls in progress keep theirs."""
        for _ in range(slots - self.slots):
            self.free.release()
        self.shrinking = [asyncio.ensure_future(self.free.acquire()) for _ in range(self.slots - slots)]
        self.slots = slots

    def faulty(self) -> str:
        """The fault in which the next call ends; empty for none."""
        return self.fault if self.fault and self.dice.random() < self.fault_share else ""

    def state(self) -> dict[str, object]:
        """Its settings and counts."""
        names = (
            "fault",
            "fault_share",
            "slots",
            "service_s",
            "spread",
            "held",
            "served",
            "in_service",
            "most_in_service",
            "waiting",
        )
        return {name: getattr(self, name) for name in names}


async def failed(request: Request, fault: str) -> Response:
    """The answer to a call that ends in `fault`, if it has one."""

    async def cut() -> AsyncIterator[bytes]:
        yield b'{"model": "'
        raise ConnectionAbortedError

    if fault == "hang":
        while (await request.receive())["type"] != "http.disconnect":
            pass
    if fault == "cut":
        return StreamingResponse(cut())
    if fault == "nonsense":
        return Response("<html>Bad Gateway</html>", media_type="text/html")
    return JSONResponse({"error": "it failed on request"}, int(fault) if fault.isdigit() else 500)


def summary_of(prompt: str) -> str:
    """The first sentences of the text. They pass the first stage of the check, so the engine is asked about them."""
    _, _, text = prompt.partition("\n")
    start = " ".join(text[:MOST_CHARACTERS].split())
    return start[: start.rfind(". ") + 1] or start


async def chatted(engine: Engine, request: Request) -> Response:
    """The answer to a chat, which takes a slot for a while; a chat without messages, a preload, is answered at once."""
    asked = json.loads(await request.body())
    messages = asked.get("messages") or []
    if not messages:
        return JSONResponse({"model": MODEL, "message": {"role": "assistant", "content": ""}, "done": True})
    if fault := engine.faulty():
        return await failed(request, fault)
    arrived = time.perf_counter()
    characters = sum(len(message["content"]) for message in messages)
    summary = summary_of(messages[-1]["content"])

    def line(content: str) -> dict[str, object]:
        return {
            "model": MODEL,
            "created_at": "2026-11-23T10:44:43.19314252Z",
            "message": {"role": "assistant", "content": content},
            "done": False,
        }

    def counts(seconds: float) -> dict[str, object]:
        return {
            "done": True,
            "done_reason": "stop",
            "total_duration": int((time.perf_counter() - arrived) * 1e9),
            "prompt_eval_count": characters // CHARACTERS_PER_TOKEN,
            "prompt_eval_duration": int(seconds * 1e8),
            "eval_count": len(summary) // CHARACTERS_PER_TOKEN,
            "eval_duration": int(seconds * 9e8),
        }

    async def lines() -> AsyncIterator[str]:
        pieces = re.findall(rf".{{1,{CHARACTERS_PER_LINE}}}", summary)
        seconds = 0.0
        async with aclosing(engine.serve(len(pieces))) as steps:
            for piece in pieces:
                seconds = await anext(steps)
                yield json.dumps(line(piece)) + "\n"
        yield json.dumps(line("") | counts(seconds)) + "\n"

    if asked.get("stream", True):
        return StreamingResponse(lines(), media_type="application/x-ndjson")
    async with aclosing(engine.serve()) as steps:
        seconds = await anext(steps)
    return JSONResponse(line(summary) | counts(seconds))


def application(engine: Engine) -> Starlette:
    """The part of Ollama's API that the service uses."""

    async def version(_: Request) -> JSONResponse:
        return JSONResponse({"version": "0.16.1"})

    async def tags(_: Request) -> JSONResponse:
        return JSONResponse({"models": [{"name": MODEL, "model": MODEL}]})

    async def loaded(_: Request) -> JSONResponse:
        model = {"name": MODEL, "model": MODEL, "size": 5_000_000_000, "size_vram": 5_000_000_000}
        return JSONResponse({"models": [{**model, "context_length": 4096}]})

    async def show(_: Request) -> JSONResponse:
        return JSONResponse({"capabilities": ["completion"]})

    async def chat(request: Request) -> Response:
        return await chatted(engine, request)

    async def control(request: Request) -> JSONResponse:
        if request.method == "POST":
            asked = await request.json()
            engine.resize(asked.pop("slots", engine.slots))
            for name, value in asked.items():
                setattr(engine, name, value)
            (engine.released.clear if engine.held else engine.released.set)()
        return JSONResponse(engine.state())

    return Starlette(
        routes=[
            Route("/api/version", version),
            Route("/api/tags", tags),
            Route("/api/ps", loaded),
            Route("/api/show", show, methods=["POST"]),
            Route("/api/chat", chat, methods=["POST"]),
            Route("/control", control, methods=["GET", "POST"]),
        ]
    )


def main() -> None:
    """Print the address, then serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: a free port")
    parser.add_argument("--slots", type=int, default=4, help="calls at once")
    parser.add_argument("--service-s", type=float, default=1.2, help="seconds per call")
    parser.add_argument("--spread", type=float, default=0.0, help="share by which the seconds vary, 0 to 1")
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", arguments.port), backlog=4096)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    engine = Engine(arguments.slots, arguments.service_s, arguments.spread)
    config = uvicorn.Config(application(engine), log_level="critical", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
