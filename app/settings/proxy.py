"""Settings of the proxy in front of an OpenAI API."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from app.settings.types import ApiUrl, Seconds


def _with_version(url: str) -> str:
    return url if urlsplit(url).path else f"{url}/v1"


class ProxySettings(BaseModel, title="Proxy"):
    proxy_url: Annotated[ApiUrl, AfterValidator(_with_version)] | None = Field(
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
        10, description="longest time for shortening with the model, seconds; then they are shortened without it"
    )
