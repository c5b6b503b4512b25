"""The parent's side of the embedded engine, without a model."""

from pathlib import Path

import pytest

from app.engine.embedded import EmbeddedConfig, EmbeddedEngine
from tests.watched import WatchedEngine

pytestmark = pytest.mark.anyio


def config(folder: Path) -> EmbeddedConfig:
    """An engine whose model is no model, so that every start of it fails."""
    model = folder / "broken.gguf"
    model.write_bytes(b"this is no GGUF file")
    return EmbeddedConfig(model=model, name="broken", num_ctx=512, num_parallel=1)


async def test_a_child_that_dies_at_its_start_is_started_again_and_leaves_a_reason(tmp_path: Path) -> None:
    async with WatchedEngine(config(tmp_path)) as engine:
        await engine.next_start()
        await engine.next_start()
        assert engine.restarts == 2
        assert engine.last_error
        assert "broken.gguf" in engine.last_error


async def test_the_address_is_known_at_once_and_stays(tmp_path: Path) -> None:
    engine = WatchedEngine(config(tmp_path))
    before = engine.base_url
    async with engine:
        await engine.next_start()
        assert engine.base_url == before


async def test_after_stop_there_is_no_child(tmp_path: Path) -> None:
    engine = EmbeddedEngine(config(tmp_path))
    await engine.start()
    await engine.stop()
    assert engine.pid is None
