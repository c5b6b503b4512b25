"""The bodies of all requests under way are bounded together."""

import asyncio

import httpx
import pytest

from tests.unit.service import TEXT, answer, ollama, running, warmed_up

pytestmark = pytest.mark.anyio

LIMIT = 4096
LARGE = (TEXT * 15)[:3500]


class HeldChat:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.came.set()
        await self.may_end.wait()
        return httpx.Response(200, json=answer("A ferry leaves at 07:45."))


async def test_what_does_not_fit_beside_others_is_refused_until_they_have_ended() -> None:
    chat = HeldChat()
    with ollama(chat):
        async with running(max_pending_bytes=LIMIT) as client:
            await warmed_up()
            first = asyncio.create_task(client.post("/compress", json={"text": LARGE}))
            await chat.came.wait()
            refused = await client.post("/compress", json={"text": LARGE})
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:condenser:problem:queue_full")
            assert "CONDENSER_MAX_PENDING_BYTES" in refused.json()["detail"]
            assert int(refused.headers["Retry-After"]) >= 1
            small = asyncio.create_task(client.post("/compress", json={"text": "A ferry leaves at 07:45."}))
            chat.may_end.set()
            assert (await first).status_code == (await small).status_code == 200
            assert (await client.post("/compress", json={"text": LARGE})).status_code == 200


async def test_a_request_that_is_alone_may_be_larger() -> None:
    with ollama(httpx.Response(200, json=answer("A ferry leaves at 07:45."))):
        async with running(max_pending_bytes=1024) as client:
            assert (await client.post("/compress", json={"text": LARGE})).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [({"text": LARGE}, 200), ({"txt": LARGE}, 422), ({"text": LARGE, "must_keep": ["none"]}, 422)],
)
async def test_nothing_is_held_after_any_end(body: dict[str, object], status: int) -> None:
    with ollama(httpx.Response(200, json=answer("A ferry leaves at 07:45."))):
        async with running() as client:
            assert (await client.post("/compress", json=body)).status_code == status
            assert client.service.pending.total == 0


async def test_a_streamed_batch_is_held_until_its_last_line() -> None:
    with ollama(httpx.Response(200, json=answer("A ferry leaves at 07:45."))):
        async with running() as client:
            batch = {"operation": "compress", "items": [{"text": TEXT}] * 3}
            response = await client.post("/batch", json=batch, headers={"Accept": "application/x-ndjson"})
            assert len(response.text.splitlines()) == 3
            assert client.service.pending.total == 0
