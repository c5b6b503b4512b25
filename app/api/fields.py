"""Fields that occur in several request bodies."""

from typing import Annotated

from pydantic import Field

# Ollama's [host[:port]/][namespace/]name[:tag] (types/model/name.go), which excludes paths and URLs. A host is
# allowed: models pulled from hf.co have such names, and neither Ollama's /api/chat nor this service pulls a model.
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,79}"
MODEL_NAME_PATTERN = rf"^(?:(?:[A-Za-z0-9][A-Za-z0-9.\-]{{0,252}}(?::[0-9]{{1,5}})?/)?{_PART}/)?{_PART}(?::{_PART})?$"

ModelName = Annotated[
    str | None,
    Field(
        max_length=256,
        pattern=MODEL_NAME_PATTERN,
        description="model to use; default: the service's own",
        examples=["qwen2.5:7b-instruct"],
    ),
]

TimeoutSeconds = Annotated[
    float | None,
    Field(
        ge=0.01,
        le=86_400,
        allow_inf_nan=False,
        description="longest time for this request or item, queue and retries included, seconds; maximum and default: "
        "CONDENSER_REQUEST_TIMEOUT_S",
    ),
]
