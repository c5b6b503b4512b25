"""Settings of the HTTP server: its address, the limits on requests, names, web pages and TLS, slow clients, logs."""

from ipaddress import ip_address
from typing import Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from app.settings.types import HOST_NAME, ORIGIN, ExistingFile, Seconds, Words, path_prefix, proxy_addresses


class AddressSettings(BaseModel, title="Address"):
    """Where the service listens, and with how many processes."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    workers: int = Field(
        1, ge=1, le=64, description="processes that serve the port together, one core each; more than 1 needs Linux"
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address on which the service listens."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


class RequestLimits(BaseModel, title="Limits on requests"):
    """How large a request may be."""

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


class WebSettings(BaseModel, title="Names, web pages and TLS"):
    """Names of the service, reverse proxies, web pages that may call it, and TLS."""

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
    tls_cert: ExistingFile | None = Field(None, description="certificate chain in PEM, to serve HTTPS")
    tls_key: ExistingFile | None = Field(None, description="private key of that certificate in PEM")

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, value: str) -> str:
        return path_prefix(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return proxy_addresses(value)

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


class SlowClientsAndLogs(BaseModel, title="Slow clients and logs"):
    """How long a client may take to send a request, and what is logged."""

    header_timeout_s: Seconds = Field(10, description="longest time to receive a request's headers, seconds")
    body_timeout_s: Seconds = Field(30, description="longest time to receive a request's body, seconds")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="lowest level that is logged: DEBUG, INFO, WARNING or ERROR"
    )
