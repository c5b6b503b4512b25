"""Types of settings: how a variable's text is read, and what it may say."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, HttpUrl, TypeAdapter
from pydantic_settings import NoDecode

from app.credentials import ApiKey, KeyLimits, parse_digest, parse_keys, parse_limits

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

HOST_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.\-]*[a-z0-9_])?|\[[0-9a-f:.]+\]|[0-9a-f:.]+")
ORIGIN = re.compile(r"\*|https?://[^\s/?#@]+")


def _parsed(parse: Callable[[str], object]) -> BeforeValidator:
    """Has `parse` read a setting that is given as a string."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _items(setting: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in setting.split(",") if item.strip())


def _words(setting: str) -> tuple[str, ...]:
    return _items(setting.lower())


ApiKeys = Annotated[tuple[ApiKey, ...], NoDecode, _parsed(parse_keys)]
Limits = Annotated[Mapping[str, KeyLimits], NoDecode, _parsed(parse_limits)]
Digest = Annotated[bytes, _parsed(parse_digest)]
Items = Annotated[tuple[str, ...], NoDecode, _parsed(_items)]
Words = Annotated[tuple[str, ...], NoDecode, _parsed(_words)]


def ollama_url(value: str) -> str:
    """An address of Ollama's as a URL without a slash at its end. Raises ValueError."""
    # OLLAMA_HOST may be `host`, `host:port` or a URL (ollama, envconfig.Host).
    url = value if "://" in value else f"http://{value}"
    parsed = TypeAdapter(HttpUrl).validate_python(url)
    if parsed.scheme == "http" and parsed.port == 80 and ":80" not in url:
        url = url.rstrip("/") + ":11434"
    return url.replace("//0.0.0.0", "//127.0.0.1").rstrip("/")


def api_url(value: str) -> str:
    """The front of an HTTP API's addresses, without a slash at its end. Raises ValueError."""
    TypeAdapter(HttpUrl).validate_python(value)
    return value.rstrip("/")
