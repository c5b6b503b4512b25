"""Types of settings: how a variable's text is parsed and what it may contain."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, TypeAdapter, ValidationError
from pydantic_settings import NoDecode

from app.credentials import ApiKey, KeyLimits, parse_digest, parse_keys, parse_limits

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


def _parsed(parse: Callable[[str], object]) -> BeforeValidator:
    """A validator that applies `parse` to a setting given as a string."""
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


def _well_formed(pattern: str, example: str) -> AfterValidator:
    """A validator of words; `example` shows the format in the error message."""
    compiled = re.compile(pattern)

    def check(words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if not compiled.fullmatch(word):
                raise ValueError(f"{word!r} is not valid; write it like {example}")
        return words

    return AfterValidator(check)


HostNames = Annotated[
    Words,
    _well_formed(
        r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.\-]*[a-z0-9_])?|\[[0-9a-f:.]+\]|[0-9a-f:.]+", "api.example.org, without a port"
    ),
]
Origins = Annotated[Words, _well_formed(r"\*|https?://[^\s/?#@]+", "https://app.example.org, without a path")]


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


ExistingFile = Annotated[Path, AfterValidator(_existing_file)]


_OLLAMA_PORT = 11434
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_AND_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)")  # like Go's net.SplitHostPort
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # addresses that reach a server bound to these  # noqa: S104
_API_PATH = re.compile(r"/(?:api|v1)$")


def ollama_url(value: str) -> str:
    """The URL that Ollama's own programs derive from `OLLAMA_HOST=value`, without a trailing slash. Raises ValueError.

    See Host and ConnectableHost in ollama's envconfig/config.go. In addition, a user name and password are kept, and
    `/api` or `/v1` at the end is dropped, since all requests add their own path.
    """
    text = value.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = ("https", text) if text == "ollama.com" else ("http", text)
    default_port = _DEFAULT_PORTS.get(scheme, _OLLAMA_PORT) if separator or scheme == "https" else _OLLAMA_PORT
    authority, _, path = rest.partition("/")
    userinfo, at, address = authority.rpartition("@")
    if separator and not address:
        raise ValueError("it names no host")
    host, port = _host_and_port(address, default_port)
    netloc = f"{userinfo}{at}{f'[{host}]' if ':' in host else host}"
    if port != _DEFAULT_PORTS.get(scheme):
        netloc += f":{port}"
    path = _API_PATH.sub("", f"/{path}".rstrip("/")).rstrip("/")
    url = f"{scheme}://{netloc}{path}"
    try:
        TypeAdapter(HttpUrl).validate_python(url)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None
    return url


OllamaUrl = Annotated[str, AfterValidator(ollama_url)]


def _distinct(urls: tuple[str, ...]) -> tuple[str, ...]:
    urls = tuple(map(ollama_url, urls))
    if len(set(urls)) < len(urls):
        raise ValueError("the same address occurs twice")
    return urls


OllamaUrls = Annotated[Items, AfterValidator(_distinct)]


def _host_and_port(address: str, default_port: int) -> tuple[str, int]:
    """Host and port of `host:port`, each optional; an invalid port counts as missing."""
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None:
        host, port = address, ""
        with suppress(ValueError):
            host = ip_address(address.strip("[]")).compressed
    else:
        host, port = match[1] or match[2] or "", match[3]
    is_port = port.isascii() and port.isdigit() and int(port) <= 65_535
    return _LOOPBACK_OF.get(host, host or "127.0.0.1"), int(port) if is_port else default_port


def _api_url(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value.rstrip("/")


ApiUrl = Annotated[str, AfterValidator(_api_url)]
"""The base URL of an HTTP API, without a trailing slash."""

_PATH_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~\-]{1,64}){1,8}")


def path_prefix(value: str) -> str:
    """A path such as `/condenser`, or an empty string, without a trailing slash. Raises ValueError for anything else.

    It is used in links, so it must not lead to another host (`//host`) or upwards (`..`).
    """
    prefix = value.strip().rstrip("/")
    if prefix and not _PATH_PREFIX.fullmatch(prefix):
        raise ValueError("write it like /condenser: letters, digits, . _ ~ - between slashes")
    return prefix


PathPrefix = Annotated[str, AfterValidator(path_prefix)]


def _ip_addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    for address in value:
        if address != "*":
            ip_network(address, strict=False)
    return value


ProxyAddresses = Annotated[Words, AfterValidator(_ip_addresses)]
"""IP addresses and networks, or `*`."""
