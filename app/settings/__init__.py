"""The settings of the service, declared by topic. Each is a CONDENSER_* variable, or a line in `.env`."""

import sys
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.credentials import OTHER_CLIENTS
from app.settings.access import NO_KEYS, AccessSettings
from app.settings.compression import CacheSettings, ResultSettings
from app.settings.compression import EngineCheck as EngineCheck
from app.settings.compression import default_cache_dir as default_cache_dir
from app.settings.engine import EmbeddedSettings, EngineSettings, QueueSettings
from app.settings.engine import EngineName as EngineName
from app.settings.jobs import NO_JOBS as NO_JOBS
from app.settings.jobs import JobSettings
from app.settings.proxy import ProxySettings
from app.settings.server import AddressSettings, RequestLimits, SlowClientsAndLogs, WebSettings
from app.settings.telemetry import MetricsSettings, PriceSettings

PREFIX = "CONDENSER_"


class SettingsError(ValueError):
    """A setting has an invalid value; the message names its variable."""


# In reverse: pydantic takes the fields of the last base first.
class Settings(
    SlowClientsAndLogs,
    WebSettings,
    ProxySettings,
    MetricsSettings,
    AccessSettings,
    CacheSettings,
    ResultSettings,
    EmbeddedSettings,
    PriceSettings,
    JobSettings,
    RequestLimits,
    QueueSettings,
    EngineSettings,
    AddressSettings,
    BaseSettings,
):
    """Settings of `condenser serve`. Field descriptions give the unit; `sections` lists them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
    )

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


def secret_names() -> frozenset[str]:
    """The settings that hold keys or passwords: they are never printed."""
    return frozenset(name for name, field in Settings.model_fields.items() if not field.repr)


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
        value = "..." if name in secret_names() else item["input"]
        path = "".join(f"{part}: " for part in item["loc"][1:])
        yield f"{variable}={value!s}: {path}{item['msg'].removeprefix('Value error, ')}"


Row = tuple[str, str, str]
"""Variable, default, and meaning with its unit."""


def sections() -> Iterator[tuple[str, list[Row]]]:
    """Every setting, in groups: the title of each and its rows."""
    for group in reversed(Settings.__bases__):
        if issubclass(group, BaseModel) and group is not BaseSettings:
            yield group.model_config["title"] or "", [_row(*field) for field in group.model_fields.items()]


def _row(name: str, field: FieldInfo) -> Row:
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    is_unset = field.default_factory or value in (None, "", b"", {})
    variable = field.validation_alias if isinstance(field.validation_alias, str) else PREFIX + name.upper()
    return variable, "unset" if is_unset else str(value), field.description or ""


def describe() -> list[Row]:
    """Every setting."""
    return [row for _, rows in sections() for row in rows]
