"""`condenser mcp`: the MCP server on standard input and output, in front of a service."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Annotated

import anyio
import typer

from app.ops.commands import KeyOption, LocalOption
from app.ops.exits import USAGE, CommandError
from app.settings import SettingsError, load_settings

agents = typer.Typer(rich_markup_mode=None)

_ANSWER_LIMIT_S = 3600.0  # the service itself bounds how long a request takes


@agents.command("mcp", epilog="Exit codes: 0 the client left, 1 the engine did not start, 2 wrong usage or settings.")
def serve_mcp(
    url: Annotated[
        str | None,
        typer.Option(help="Address of the service; left out: here, on CONDENSER_PORT.", envvar="CONDENSER_URL"),
    ] = None,
    api_key: KeyOption = None,
    local: LocalOption = False,
) -> None:
    """Serve agents on standard input and output, by the Model Context Protocol (MCP)."""
    # Python's own handler would wait for the read of standard input, which ends with the next line only.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with _service(url, local=local) as address:
            anyio.run(_serve, address, api_key)
    except (CommandError, ValueError) as error:
        typer.echo(f"condenser: {error}", err=True)
        raise typer.Exit(error.code if isinstance(error, CommandError) else USAGE) from None


async def _serve(address: str, api_key: str | None) -> None:
    # The SDK takes most of a second to import, which no other command should pay.
    from mcp.server.stdio import stdio_server

    from app.api.mcp_tools import make_server
    from condenser_client import AsyncCondenser

    client = AsyncCondenser(address, api_key=api_key, timeout_s=_ANSWER_LIMIT_S)
    server = make_server(lambda context: client)
    async with client, stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


@contextmanager
def _service(url: str | None, *, local: bool) -> Iterator[str]:
    """The address of the service that the tools call. Raises CommandError."""
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
