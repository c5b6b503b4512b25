"""The service that a command works with: a running one, or one inside the command with `--local`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from app.ops.exits import USAGE, CommandError

if TYPE_CHECKING:
    from app.ops.client import ServiceClient
    from app.settings import Settings


@contextmanager
def service_client(
    url: str | None, api_key: str | None, console: Console, *, local: bool = False, fresh: bool = False
) -> Iterator["ServiceClient"]:
    """A client of the service at `url`, or of a service in this process for the block. Raises CommandError.

    `fresh`: answers must not come from the service's cache.
    """
    # Imported here, so that help and completion do not wait for them.
    from app.ops.client import ServiceClient

    if url is not None and not local:
        with ServiceClient(url, api_key, fresh=fresh) as client:
            yield client
        return
    settings = settings_here()
    if not local:
        with ServiceClient(f"http://127.0.0.1:{settings.port}", api_key, fresh=fresh) as client:
            yield client
        return
    from app.ops.local import local_service

    with local_service(settings, console) as address, ServiceClient(address, fresh=fresh) as client:
        yield client


def settings_here() -> "Settings":
    """The settings from this environment. Raises CommandError."""
    from app.settings import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
