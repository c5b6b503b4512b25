"""Cost of a request here, its price in a cloud, and the savings for readers of the result."""

from dataclasses import dataclass
from typing import Literal

ServedFrom = Literal["engine", "cache", "text", "none"]
"""Source of an answer: a model call, a cached result, the text alone, or none given (failures, whole batches)."""


@dataclass(frozen=True, slots=True)
class Prices:
    """USD, all 0 or more. The machine's price counts only while at least one call is in the engine.

    `cloud_per_1k_prompt_tokens`, `cloud_per_1k_completion_tokens`: a cloud's price per 1,000 tokens. `local_per_hour`:
    the machine per hour, plus `watts` of power at `per_kwh` USD per kilowatt-hour. `reader_per_1k_tokens`: what a
    reader of the result, usually another model, pays per 1,000 prompt tokens.
    """

    cloud_per_1k_prompt_tokens: float
    cloud_per_1k_completion_tokens: float
    local_per_hour: float
    watts: float = 0.0
    per_kwh: float = 0.0
    reader_per_1k_tokens: float = 0.0

    @property
    def busy_hour(self) -> float:
        """USD per hour of busy engine: machine and power."""
        return self.local_per_hour + self.watts / 1000 * self.per_kwh


@dataclass(frozen=True, slots=True)
class Cost:
    """USD in a cloud and here, and savings for readers each time they read the result instead of the source.

    `reader_tokens_saved`: estimated tokens of the source minus those of the result.
    """

    cloud_usd: float
    local_usd: float
    reader_tokens_saved: int = 0
    reader_usd_saved: float = 0.0
    served_from: ServedFrom = "none"

    @property
    def savings_ratio(self) -> float:
        """Share of the cloud's price that is saved: negative if it costs more here, 0 if a cloud charges nothing."""
        return 1.0 - self.local_usd / self.cloud_usd if self.cloud_usd else 0.0


def cost(
    prices: Prices,
    prompt_tokens: int,
    completion_tokens: int,
    busy_s: float,
    reader_tokens_saved: int = 0,
    served_from: ServedFrom = "none",
) -> Cost:
    """The cost of calls with these token counts and `busy_s` seconds of the engine's busy time."""
    cloud = (
        prompt_tokens * prices.cloud_per_1k_prompt_tokens + completion_tokens * prices.cloud_per_1k_completion_tokens
    ) / 1000
    reader_usd = reader_tokens_saved * prices.reader_per_1k_tokens / 1000
    return Cost(cloud, local_cost(prices, busy_s), reader_tokens_saved, reader_usd, served_from)


def local_cost(prices: Prices, busy_s: float) -> float:
    """USD for `busy_s` seconds of this machine."""
    return busy_s * prices.busy_hour / 3600
