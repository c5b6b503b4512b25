"""`/models`: what may be asked for by `model`."""

from typing import Any

import httpx
import pytest

from tests.unit.service import MODEL, Upstream, ollama, running, warmed_up

NOTHING = httpx.Response(500)


async def models_of(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    response = await client.get("/models")
    assert response.status_code == 200
    listed: list[dict[str, Any]] = response.json()["models"]
    return listed


def installed(router: Upstream, *names: str) -> None:
    router.get("/api/tags").respond(json={"models": [{"name": name} for name in names]})


@pytest.mark.anyio
async def test_the_default_model_comes_first_and_the_others_by_name() -> None:
    with ollama(NOTHING) as router:
        installed(router, "zephyr:7b", MODEL, "Gemma:2b")
        async with running() as client:
            await warmed_up()
            listed = await models_of(client)
    assert listed == [
        {"name": MODEL, "default": True, "loaded": True},
        {"name": "Gemma:2b", "default": False, "loaded": False},
        {"name": "zephyr:7b", "default": False, "loaded": False},
    ]


@pytest.mark.anyio
async def test_a_default_without_its_tag_is_listed_once() -> None:
    with ollama(NOTHING) as router:
        installed(router, "mine:latest")
        async with running(model="mine") as client:
            await warmed_up()
            listed = await models_of(client)
    assert [entry["name"] for entry in listed] == ["mine"]


@pytest.mark.anyio
async def test_no_call_of_the_engine_is_made_for_the_list() -> None:
    with ollama(NOTHING) as router:
        async with running() as client:
            await warmed_up()
            before = len(router.calls)
            for _ in range(5):
                await models_of(client)
            assert len(router.calls) == before


@pytest.mark.anyio
async def test_while_the_engine_is_down_the_default_model_is_listed_as_not_loaded() -> None:
    with ollama(NOTHING) as router:
        for route in (router.get("/api/version"), router.post("/api/show"), router.post("/api/chat")):
            route.mock(side_effect=httpx.ConnectError("refused"))
        async with running() as client:
            assert await models_of(client) == [{"name": MODEL, "default": True, "loaded": False}]
