"""Settings of the HTTP server: its address, the limits on requests, names, web pages and TLS, slow clients, logs."""

from ipaddress import ip_address
from typing import Literal

from pydantic import BaseModel, Field

from app.settings.types import ExistingFile, HostNames, Origins, PathPrefix, ProxyAddresses, Seconds


class AddressSettings(BaseModel, title="Address"):
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
    trusted_hosts: HostNames = Field(
        (),
        description="names that a request's Host header may have, comma-separated, such as `*.example.org` or `*`; "
        "unset: on loopback only localhost and loopback addresses, otherwise any",
    )
    root_path: PathPrefix = Field(
        "", description="path at which a reverse proxy serves it, such as `/condenser`; unset: `X-Forwarded-Prefix`"
    )
    trusted_proxies: ProxyAddresses = Field(
        ("127.0.0.1", "::1"),
        description="addresses and networks of proxies whose `X-Forwarded-*` is trusted, comma-separated; `*`: all",
    )
    cors_origins: Origins = Field(
        (), description="origins of web pages that may call the service from a browser, comma-separated; unset: none"
    )
    tls_cert: ExistingFile | None = Field(None, description="certificate chain in PEM, to serve HTTPS")
    tls_key: ExistingFile | None = Field(None, description="private key of that certificate in PEM")


class SlowClientsAndLogs(BaseModel, title="Slow clients and logs"):
    header_timeout_s: Seconds = Field(10, description="longest time to receive a request's headers, seconds")
    body_timeout_s: Seconds = Field(30, description="longest time to receive a request's body, seconds")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="lowest level that is logged: DEBUG, INFO, WARNING or ERROR"
    )
