"""What a request cost here, what a cloud would have charged for it, and what it spares whoever reads the result."""

from dataclasses import dataclass
from typing import Literal

ServedFrom = Literal["engine", "cache", "text", "none"]
"""What an answer was made of: a model call, a kept result, the text alone, or not told: failures and whole batches."""


@dataclass(frozen=True, slots=True)
class Prices:
    """USD, all 0 or more. The machine's own price counts only while at least one call is in the engine.

    `cloud_per_1k_prompt_tokens`, `cloud_per_1k_completion_tokens`: per 1,000 tokens in a cloud. `local_per_hour`: the
    machine for an hour; `watts` that it draws, at `per_kwh` USD per kilowatt-hour, come on top. `reader_per_1k_tokens`:
    what a reader of the result, another model mostly, pays for 1,000 tokens of its prompt.
    """

    cloud_per_1k_prompt_tokens: float
    cloud_per_1k_completion_tokens: float
    local_per_hour: float
    watts: float = 0.0
    per_kwh: float = 0.0
    reader_per_1k_tokens: float = 0.0

    @property
    def busy_hour(self) -> float:
        """USD for an hour of busy engine: machine and power."""
        return self.local_per_hour + self.watts / 1000 * self.per_kwh


@dataclass(frozen=True, slots=True)
class Cost:
    """USD in a cloud and here; what readers of the result are spared, each time that it is read instead of its source.

    `reader_tokens_saved`: estimated tokens of the source less those of the result.
    """

    cloud_usd: float
    local_usd: float
    reader_tokens_saved: int = 0
    reader_usd_saved: float = 0.0
    served_from: ServedFrom = "none"

    @property
    def savings_ratio(self) -> float:
        """Share of the cloud's price that is saved, below 0 where here is dearer; 0 where a cloud charges nothing."""
        return 1.0 - self.local_usd / self.cloud_usd if self.cloud_usd else 0.0


def cost(
    prices: Prices,
    prompt_tokens: int,
    completion_tokens: int,
    busy_s: float,
    reader_tokens_saved: int = 0,
    served_from: ServedFrom = "none",
) -> Cost:
    """The cost of calls with so many tokens that took so many seconds of the engine's busy time (`busy`)."""
    cloud = (
        prompt_tokens * prices.cloud_per_1k_prompt_tokens + completion_tokens * prices.cloud_per_1k_completion_tokens
    ) / 1000
    reader_usd = reader_tokens_saved * prices.reader_per_1k_tokens / 1000
    return Cost(cloud, local_cost(prices, busy_s), reader_tokens_saved, reader_usd, served_from)


def local_cost(prices: Prices, busy_s: float) -> float:
    """USD for `busy_s` seconds of this machine."""
    return busy_s * prices.busy_hour / 3600
