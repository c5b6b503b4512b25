"""Settings of the metrics and of the prices that savings are computed from."""

from pydantic import BaseModel, Field

from app.settings.types import Digest, Price


class PriceSettings(BaseModel, title="Prices"):
    cloud_usd_per_1k_prompt_tokens: Price = Field(
        0.01, description="what a cloud would charge, USD per 1,000 prompt tokens"
    )
    cloud_usd_per_1k_completion_tokens: Price = Field(
        0.01, description="what a cloud would charge, USD per 1,000 completion tokens"
    )
    reader_usd_per_1k_tokens: Price = Field(
        0.0001,
        description="what readers of a result pay, USD per 1,000 prompt tokens; default: a small cloud model's price",
    )
    local_usd_per_hour: Price = Field(0.10, description="what the machine costs, USD per hour of engine time")
    local_watts: float = Field(
        0,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="power that the machine draws while the engine works, watts",
    )
    local_usd_per_kwh: Price = Field(0, description="price of that power, USD per kilowatt-hour")


class MetricsSettings(BaseModel, title="Metrics"):
    metrics_token: Digest = Field(
        b"", repr=False, description="token for `/metrics`, or `sha256:HEX` of it, instead of the API keys"
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65_535, description="separate port for `/metrics`, which is then not on the other port"
    )
