"""`condenser mcp`: the MCP server on standard input and output, in front of a service."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Annotated

import typer

from app.ops.commands import KeyOption, LocalOption
from app.ops.exits import USAGE, CommandError
from app.settings import SettingsError, load_settings

agents = typer.Typer(rich_markup_mode=None)


@agents.command(
    "mcp", epilog="Exit codes: 0 the client went away, 1 the engine did not start, 2 wrong usage or settings."
)
def serve_mcp(
    url: Annotated[
        str | None,
        typer.Option(help="Address of the service; left out: here, on CONDENSER_PORT.", envvar="CONDENSER_URL"),
    ] = None,
    api_key: KeyOption = None,
    local: LocalOption = False,
) -> None:
    """Serve agents on standard input and output by the Model Context Protocol (MCP)."""
    from app.mcp.stdio import serve

    try:
        with _service(url, local=local) as address:
            serve(address, api_key)
    except (CommandError, ValueError) as error:
        typer.echo(f"condenser: {error}", err=True)
        raise typer.Exit(error.code if isinstance(error, CommandError) else USAGE) from None


@contextmanager
def _service(url: str | None, *, local: bool) -> Iterator[str]:
    if url is not None and not local:
        yield url
        return
    try:
        settings = load_settings()
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    if not local:
        yield f"http://127.0.0.1:{settings.port}"
        return
    from app.ops.local import local_service

    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):  # for the log: standard output is the protocol's alone
            address = stack.enter_context(local_service(settings.model_copy(update={"api_keys": ()})))
        yield address
