"""How a capsule is written, by how long the engine takes."""

import httpx
import pytest

from tests.unit.service import TEXT, answer, ollama, running, warmed_up

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("usual_call_s", "quality"), [(1.4, "brotli-11"), (0.02, "brotli-5")])
async def test_the_best_codec_is_for_an_engine_behind_which_it_hides(
    monkeypatch: pytest.MonkeyPatch, usual_call_s: float, quality: str
) -> None:
    with ollama(lambda request: said()):
        async with running() as client:
            await warmed_up()
            upstream, *_ = client._transport.app.state.service.engine.upstreams.all  # type: ignore[attr-defined]
            monkeypatch.setattr(upstream, "usual_call_s", usual_call_s)
            response = await client.post("/compress", json={"text": 3 * TEXT})
            assert response.json()["capsule"]["codec"].startswith(quality)


async def said() -> httpx.Response:
    """A summary."""
    return httpx.Response(200, json=answer("The ferry to Tallinn leaves at 07:45 on weekdays."))
