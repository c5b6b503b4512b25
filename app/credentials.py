"""API keys and their limits, as written in settings: a name and a hash, never the key itself.

A key made by this service has 256 random bits, so it can't be recovered from its SHA-256 by guessing: no salt and no
slow hash is needed.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

KEY_BYTES = 32
OTHER_CLIENTS = "*"
"""In the limits: every client without an entry."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}"
_HASHED = re.compile(rf"(?P<name>{_NAME}):sha256:(?P<digest>[0-9a-fA-F]{{64}})")
_NAMED = re.compile(rf"(?P<name>{_NAME})=(?P<key>.*[^=].*)")
_LOOKS_HASHED = re.compile(r".*:sha256:.*")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A client's name and the SHA-256 of its key."""

    name: str
    digest: bytes = field(repr=False)


class KeyLimits(BaseModel):
    """Limits of one client; None means unlimited."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Annotated[int | None, Field(ge=1, le=1_000_000, strict=True)] = None
    tokens_per_day: Annotated[int | None, Field(ge=1, le=10**15, strict=True)] = None
    queue_share: Annotated[float | None, Field(gt=0, le=1, allow_inf_nan=False)] = None


def digest_of(key: bytes) -> bytes:
    """The SHA-256 of a key."""
    return hashlib.sha256(key).digest()


def new_key() -> str:
    """A key of 256 random bits, as 43 characters that never need quoting."""
    return secrets.token_urlsafe(KEY_BYTES)


def hashed_line(name: str, key: str) -> str:
    """An entry of CONDENSER_API_KEYS for a key. Raises ValueError if the name is not allowed."""
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"the name {name!r} must be 1 to 64 letters, digits and . _ -, the first a letter or a digit")
    return f"{name}:sha256:{digest_of(key.encode()).hex()}"


def parse_keys(setting: str) -> tuple[ApiKey, ...]:
    """The keys of a comma-separated setting: each is `name:sha256:HEX`, `name=KEY`, or a bare key, named `key-N`.

    Raises ValueError, without any key in its message, if an entry is malformed or occurs twice.
    """
    entries = [entry.strip() for entry in setting.split(",") if entry.strip()]
    keys = tuple(_parse_key(entry, number) for number, entry in enumerate(entries, 1))
    for kind, values in (("name", [key.name for key in keys]), ("key", [key.digest for key in keys])):
        if len(set(values)) < len(values):
            raise ValueError(f"the same {kind} occurs twice")
    return keys


def _parse_key(entry: str, number: int) -> ApiKey:
    if hashed := _HASHED.fullmatch(entry):
        return ApiKey(hashed["name"], bytes.fromhex(hashed["digest"]))
    if _LOOKS_HASHED.fullmatch(entry):
        raise ValueError(
            f"entry {number} is not NAME:sha256:HEX with 64 hexadecimal digits, as written by condenser hash-key"
        )
    if named := _NAMED.fullmatch(entry):
        return ApiKey(named["name"], digest_of(named["key"].encode()))
    return ApiKey(f"key-{number}", digest_of(entry.encode()))


def parse_digest(setting: str) -> bytes:
    """The SHA-256 of a token, which is given as plain text or as `sha256:HEX`; empty if it is not set."""
    setting = setting.strip()
    if not setting:
        return b""
    if setting.startswith("sha256:"):
        hexadecimal = setting.removeprefix("sha256:")
        if not re.fullmatch(r"[0-9a-fA-F]{64}", hexadecimal):
            raise ValueError("sha256: must be followed by 64 hexadecimal digits")
        return bytes.fromhex(hexadecimal)
    return digest_of(setting.encode())


def parse_limits(setting: str) -> Any:
    """The JSON object of a setting, not yet validated. Raises ValueError with an example if it is not an object."""
    example = '{"alice": {"requests_per_minute": 60, "tokens_per_day": 1000000, "queue_share": 0.5}}'
    try:
        limits = json.loads(setting or "{}")
    except ValueError as error:
        raise ValueError(f"not JSON ({error}); write it like {example}") from None
    if not isinstance(limits, dict):
        raise ValueError(f"a JSON object is expected, like {example}")
    return limits


def holder_of(presented: bytes, keys: Iterable[ApiKey]) -> str | None:
    """The name of the client with this key; None if the key is unknown.

    Every key is compared, each in constant time, so that the response time reveals nothing about them.
    """
    digest = digest_of(presented)
    names = [key.name for key in keys if hmac.compare_digest(key.digest, digest)]
    return names[0] if names else None
