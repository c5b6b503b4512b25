"""Settings of the results: how much of a text they keep, the check of the model's sentences, the cache."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from app.settings.types import Seconds

EngineCheck = Literal["auto", "on", "off"]


def default_cache_dir() -> Path:
    """The user's cache folder according to the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "condenser"


class ResultSettings(BaseModel, title="Results"):
    coverage: float = Field(
        0.8,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="share of a text's worth that a result keeps if a request has no `target_ratio`",
    )
    min_support: float = Field(
        0.5,  # app.summary.check.MIN_SUPPORT, whose module takes a quarter of a second to import
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="support that a sentence by the model needs to pass the check, 0 to 1",
    )
    engine_check: EngineCheck = Field(
        "auto",
        description="whether the engine judges if the text supports a sentence of its model: `on`, `off`, or `auto`: "
        "if it gives log probabilities and its model tells true claims from false ones",
    )


class CacheSettings(BaseModel, title="Cache"):
    cache_dir: Path = Field(
        default_factory=default_cache_dir, description="folder of the embedded model; unset: `~/.cache/condenser`"
    )
    cache_bytes: int = Field(16_777_216, ge=0, description="memory for cached results, bytes; 0 turns the cache off")
    cache_ttl_s: Seconds = Field(3600, description="how long a cached result is kept, seconds")
    cache_across_keys: bool = Field(False, description="whether a client may get a cached result of another client")
