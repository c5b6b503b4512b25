"""Fields that several request bodies have."""

from typing import Annotated

from pydantic import Field

MODEL_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]*([/:][A-Za-z0-9][A-Za-z0-9._\-]*){0,4}$"

ModelName = Annotated[
    str | None,
    Field(
        max_length=256,
        pattern=MODEL_NAME_PATTERN,
        description="model to ask; the service's own where left out",
        examples=["qwen2.5:7b-instruct"],
    ),
]

TimeoutSeconds = Annotated[
    float | None,
    Field(
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="longest time for this request or item, queue and retries included, seconds; at most, and where "
        "left out, CONDENSER_REQUEST_TIMEOUT_S",
    ),
]
