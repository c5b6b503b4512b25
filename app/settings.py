"""Every setting of the service: a CONDENSER_* variable, or a line in `.env`."""

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.credentials import OTHER_CLIENTS, KeyLimits
from app.setting_types import (
    HOST_NAME,
    ORIGIN,
    ApiKeys,
    Digest,
    Items,
    Limits,
    Price,
    Seconds,
    Words,
    api_url,
    ollama_url,
    path_prefix,
    proxy_addresses,
)

PREFIX = "CONDENSER_"

EngineName = Literal["ollama", "embedded", "openai", "auto"]
EngineCheck = Literal["auto", "on", "off"]
NO_KEYS = "anyone-may-call"
NO_JOBS = "off"
_SECRET = frozenset({"api_keys", "jobs_database", "metrics_token", "openai_api_key", "proxy_api_key"})


class SettingsError(ValueError):
    """A setting has an invalid value; the message names its variable."""


def default_cache_dir() -> Path:
    """The user's cache folder according to the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "condenser"


def default_jobs_database() -> str:
    """The jobs' SQLite file in the user's state folder according to the XDG base directory specification."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return f"sqlite:///{folder.absolute() / 'condenser' / 'jobs.sqlite'}"


class Settings(BaseSettings):
    """Settings of `condenser serve`. Field descriptions give the unit; `describe` lists them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
    )

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    workers: int = Field(
        1, ge=1, le=64, description="processes that serve the port together, one core each; more than 1 needs Linux"
    )
    engine: EngineName = Field(
        "ollama", description="`ollama`, `embedded`, `openai`, or `auto`: Ollama if it answers, else embedded"
    )
    ollama_url: str = Field("http://127.0.0.1:11434", description="Ollama's address; if unset, `OLLAMA_HOST` is used")
    ollama_host: str | None = Field(
        None, validation_alias="OLLAMA_HOST", description="the same as Ollama's own variable, in Ollama's format"
    )
    ollama_urls: Items = Field(
        (), description="addresses of several Ollama servers, comma-separated, instead of `CONDENSER_OLLAMA_URL`"
    )
    openai_url: str | None = Field(
        None,
        description="base URL of an OpenAI API, such as `http://gpu1:8000/v1`: vLLM, llama.cpp's server, Ray Serve",
    )
    openai_api_key: str = Field("", repr=False, description="key for that API")
    model: str = Field("qwen2.5:7b-instruct", min_length=1, description="model to ask if a request names none")
    num_ctx: int = Field(
        4096,
        ge=512,
        le=1_048_576,
        description="context window of a call, tokens; for `openai` at most the server's own",
    )
    keep_alive: str = Field(
        "30m",
        pattern=r"^(-1|0|\d+(\.\d+)?(ms|s|m|h)?)$",
        description="how long Ollama keeps the model loaded: `30m`, `24h`, seconds, or -1 for forever",
    )
    seed: int = Field(1, ge=0, le=2_147_483_647, description="seed of every model call")
    max_concurrency: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(
        4,
        description="most calls at once in each Ollama: its `OLLAMA_NUM_PARALLEL`, or `auto` to find it under load",
    )
    max_queue: int = Field(1000, ge=0, le=1_000_000, description="most calls that may wait for the engine")
    queue_timeout_s: Seconds = Field(30, description="longest wait of an interactive call for the engine, seconds")
    request_timeout_s: Seconds = Field(120, description="longest time for one request, or one item of a batch, seconds")
    engine_retries: int = Field(
        3,
        ge=0,
        le=100,
        description="most retries of a call if Ollama refuses the connection or is busy",
    )
    drain_timeout_s: Seconds = Field(
        25, description="time to finish requests in progress when the service stops, seconds"
    )
    max_text_bytes: int = Field(1_048_576, ge=1, le=268_435_456, description="largest text, bytes of UTF-8")
    max_body_bytes: int = Field(
        33_554_432, ge=1024, le=1_073_741_824, description="largest request body, bytes; a batch is one body"
    )
    max_pending_bytes: int = Field(
        16_777_216,
        ge=1024,
        description="bodies of all requests in progress together, bytes; a larger one is served alone",
    )
    max_batch_items: int = Field(500, ge=1, le=100_000, description="most items in one batch")
    jobs_database: str = Field(
        default_factory=default_jobs_database,
        repr=False,
        pattern=r"^(off|sqlite:///.+|postgresql://.+)$",
        description="database of batches that are answered later, with their texts and results: `sqlite:////PATH`, "
        "`postgresql://...`, or `off`; unset: `~/.local/state/condenser/jobs.sqlite`",
    )
    max_job_items: int = Field(100_000, ge=1, le=1_000_000, description="most items in a batch that is answered later")
    keep_jobs_s: float = Field(
        604_800,
        gt=0,
        le=31_536_000,
        allow_inf_nan=False,
        description="how long such a batch is kept after its end, seconds",
    )
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
    embedded_model: Path | None = Field(
        None,
        description="GGUF file of the embedded engine; unset: SmolLM2-135M-Instruct from the cache folder",
    )
    embedded_num_parallel: int = Field(2, ge=1, le=256, description="slots of the embedded engine: most calls at once")
    embedded_threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads of the embedded engine; unset: one per core"
    )
    coverage: float = Field(
        0.8,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="share of a text's worth that a result keeps if a request has no `target_ratio`",
    )
    min_support: float = Field(
        0.5,  # app.summary.check.MIN_SUPPORT, whose module takes a quarter of a second to import
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="support that a sentence by the model needs to pass the check, 0 to 1",
    )
    engine_check: EngineCheck = Field(
        "auto",
        description="whether the engine judges if the text supports a sentence of its model: `on`, `off`, or `auto`: "
        "if it gives log probabilities and its model tells true claims from false ones",
    )
    cache_dir: Path = Field(
        default_factory=default_cache_dir,
        description="folder of the embedded model; unset: `~/.cache/condenser`",
    )
    cache_bytes: int = Field(16_777_216, ge=0, description="memory for cached results, bytes; 0 turns the cache off")
    cache_ttl_s: Seconds = Field(3600, description="how long a cached result is kept, seconds")
    cache_across_keys: bool = Field(False, description="whether a client may get a cached result of another client")
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
    metrics_token: Digest = Field(
        b"", repr=False, description="token for `/metrics`, or `sha256:HEX` of it, instead of the API keys"
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65_535, description="separate port for `/metrics`, which is then not on the other port"
    )
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
    trusted_hosts: Words = Field(
        (),
        description="names that a request's Host header may have, comma-separated, such as `*.example.org` or `*`; "
        "unset: on loopback only localhost and loopback addresses, otherwise any",
    )
    root_path: str = Field(
        "",
        description="path at which a reverse proxy serves it, such as `/condenser`; unset: `X-Forwarded-Prefix`",
    )
    trusted_proxies: Words = Field(
        ("127.0.0.1", "::1"),
        description="addresses and networks of proxies whose `X-Forwarded-*` is trusted, comma-separated; `*`: all",
    )
    cors_origins: Words = Field(
        (), description="origins of web pages that may call the service from a browser, comma-separated; unset: none"
    )
    tls_cert: Path | None = Field(None, description="certificate chain in PEM, to serve HTTPS")
    tls_key: Path | None = Field(None, description="private key of that certificate in PEM")
    header_timeout_s: Seconds = Field(10, description="longest time to receive a request's headers, seconds")
    body_timeout_s: Seconds = Field(30, description="longest time to receive a request's body, seconds")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="lowest level that is logged: DEBUG, INFO, WARNING or ERROR"
    )

    @field_validator("ollama_url", "ollama_host")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        return None if value is None else ollama_url(value)

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, value: str) -> str:
        return path_prefix(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return proxy_addresses(value)

    @field_validator("proxy_url")
    @classmethod
    def _openai_api(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = api_url(value)
        return url if urlsplit(url).path else f"{url}/v1"

    @field_validator("openai_url")
    @classmethod
    def _api_url(cls, value: str | None) -> str | None:
        return None if value is None else api_url(value)

    @field_validator("ollama_urls")
    @classmethod
    def _distinct_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        urls = tuple(map(ollama_url, value))
        if len(set(urls)) < len(urls):
            raise ValueError("the same address occurs twice")
        return urls

    @field_validator("embedded_model", "tls_cert", "tls_key")
    @classmethod
    def _existing_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @field_validator("trusted_hosts", "cors_origins")
    @classmethod
    def _well_formed(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        pattern, example = (
            (HOST_NAME, "api.example.org, without a port")
            if info.field_name == "trusted_hosts"
            else (ORIGIN, "https://app.example.org, without a path")
        )
        for word in value:
            if not pattern.fullmatch(word):
                raise ValueError(f"{word!r} is not valid; write it like {example}")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        if not self.api_keys and not self.is_loopback and self.allow_no_keys != NO_KEYS:
            raise ValueError(
                f"{PREFIX}API_KEYS must be set, since {PREFIX}HOST={self.host} lets other machines reach the service. "
                "Make a key with: condenser hash-key NAME. To let anyone on that network call the service, set "
                f"{PREFIX}ALLOW_NO_KEYS={NO_KEYS}"
            )
        names = {key.name for key in self.api_keys} | {OTHER_CLIENTS}
        if unknown := sorted(set(self.key_limits) - names):
            raise ValueError(f"{PREFIX}KEY_LIMITS names {', '.join(unknown)}, which {PREFIX}API_KEYS does not have")
        if self.key_limits and not self.api_keys:
            raise ValueError(f"{PREFIX}KEY_LIMITS needs {PREFIX}API_KEYS: without keys callers can't be told apart")
        if self.engine == "openai" and self.openai_url is None:
            raise ValueError(f"{PREFIX}OPENAI_URL must be set for {PREFIX}ENGINE=openai, such as http://gpu1:8000/v1")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY must be set together")
        if self.workers > 1 and sys.platform != "linux":
            raise ValueError(f"{PREFIX}WORKERS must be 1 on this system: more than 1 needs Linux")
        if self.metrics_port is not None and self.metrics_port == self.port:
            raise ValueError(f"{PREFIX}METRICS_PORT must be another port than {PREFIX}PORT")
        return self

    def limits_of(self, client: str) -> KeyLimits:
        """The limits of the client with this name."""
        return self.key_limits.get(client) or self.key_limits.get(OTHER_CLIENTS) or KeyLimits()

    @property
    def upstream_urls(self) -> tuple[str, ...]:
        """Addresses of all Ollama servers, at least one."""
        if self.ollama_urls:
            return self.ollama_urls
        is_set = "ollama_url" in self.model_fields_set
        return (self.ollama_url if is_set or self.ollama_host is None else self.ollama_host,)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address on which the service listens."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def load_settings(**overrides: object) -> Settings:
    """Read the environment and `.env`; `overrides` that are not None take precedence.

    Raises SettingsError with one line for each invalid setting, naming its variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error))) from None


def _explain(error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        if not item["loc"]:
            yield item["msg"].removeprefix("Value error, ")
            continue
        name = str(item["loc"][0])
        variable = name if name.isupper() else PREFIX + name.upper()
        value = "..." if name in _SECRET else item["input"]
        path = "".join(f"{part}: " for part in item["loc"][1:])
        yield f"{variable}={value!s}: {path}{item['msg'].removeprefix('Value error, ')}"


def has_text(default: object) -> bool:
    """Whether a default value is worth showing to a reader."""
    return default is not None and default not in ("", b"", (), {})


def describe() -> list[tuple[str, str, str]]:
    """Variable, default and meaning (with unit) of every setting, for `--help` and docs/configuration.md."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        default = "unset" if field.default_factory or not has_text(value) else str(value)
        alias = field.validation_alias
        rows.append((alias if isinstance(alias, str) else PREFIX + name.upper(), default, field.description or ""))
    return rows
