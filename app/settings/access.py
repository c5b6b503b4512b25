"""Settings of who may call the service, and how much."""

from typing import Literal

from pydantic import BaseModel, Field

from app.credentials import OTHER_CLIENTS, KeyLimits
from app.settings.types import ApiKeys, Limits

NO_KEYS = "anyone-may-call"


class AccessSettings(BaseModel, title="Access"):
    api_keys: ApiKeys = Field(
        (),
        repr=False,
        description="keys that requests must have, comma-separated: `NAME:sha256:HEX` (made by `condenser hash-key "
        "NAME`), `NAME=KEY` or `KEY`; may be empty only on loopback",
    )
    allow_no_keys: Literal["", "anyone-may-call"] = Field(
        "", description=f"`{NO_KEYS}` allows other machines to call without a key"
    )
    key_limits: Limits = Field(
        {},
        description="JSON: limits of a client by its name, `*` for all others: `requests_per_minute`, "
        "`tokens_per_day`, `queue_share` (above 0, up to 1)",
    )

    def limits_of(self, client: str) -> KeyLimits:
        """The limits of the client with this name."""
        return self.key_limits.get(client) or self.key_limits.get(OTHER_CLIENTS) or KeyLimits()
