"""Settings of the proxy in front of an OpenAI API."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from app.settings.types import Seconds, api_url


class ProxySettings(BaseModel, title="Proxy"):
    """Where `/v1/chat/completions` forwards calls to, and how it shortens them."""

    proxy_url: str | None = Field(
        None,
        description="base URL of the OpenAI API to which `/v1/chat/completions` forwards calls, with older messages "
        "shortened: `https://api.openai.com/v1`, `http://127.0.0.1:11434/v1`; unset: the endpoint does not exist",
    )
    proxy_api_key: str = Field("", repr=False, description="key for that API, in place of the client's")
    proxy_method: Literal["auto", "abstractive", "extractive"] = Field(
        "auto", description="how those messages are shortened, like `method` of `/compress`"
    )
    proxy_target_ratio: float | None = Field(
        None,
        ge=0.01,
        le=1,
        description="wanted tokens of those messages over their present tokens; unset: each is shortened on its own",
    )
    proxy_keep_last: int = Field(
        4, ge=0, le=1_000_000, description="messages at the end of a conversation that stay unchanged"
    )
    proxy_timeout_s: Seconds = Field(
        10,
        description="longest time for shortening with the model, seconds; then they are shortened without it",
    )

    @field_validator("proxy_url")
    @classmethod
    def _openai_api(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = api_url(value)
        return url if urlsplit(url).path else f"{url}/v1"
