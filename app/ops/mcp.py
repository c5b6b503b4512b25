"""`condenser mcp`: the MCP server on standard input and output, in front of a service."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from app.ops.connection import settings_here
from app.ops.exits import USAGE, CommandError
from app.ops.options import KeyOption, LocalOption, UrlOption, epilog
from app.ops.terminal import sentences

agents = typer.Typer(rich_markup_mode=None)

_ANSWER_LIMIT_S = 3600.0  # the service itself limits the time of a request


@agents.command(
    "mcp",
    epilog=epilog(
        "condenser mcp",
        "condenser mcp --local",
        codes="Exit codes: 0 the client disconnected, 1 the engine did not start, 2 wrong usage or settings.",
    ),
)
def serve_mcp(url: UrlOption = None, api_key: KeyOption = None, local: LocalOption = False) -> None:
    """Serve agents through the Model Context Protocol (MCP) on standard input and output."""
    import anyio

    # Python's own handler would wait until the read of standard input ends, that is, for the next line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with sentences() as console:
        try:
            with _service(url, console, local=local) as address:
                anyio.run(_serve, address, api_key)
        except ValueError as error:
            raise CommandError(str(error), USAGE) from None


async def _serve(address: str, api_key: str | None) -> None:
    # Imported here: the SDK takes most of a second to import, and no other command needs it.
    from mcp.server.stdio import stdio_server

    from app.api.mcp_tools import make_server
    from condenser_client import AsyncCondenser

    client = AsyncCondenser(address, api_key=api_key, timeout_s=_ANSWER_LIMIT_S)
    server = make_server(lambda context: client)
    async with client, stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


@contextmanager
def _service(url: str | None, console: Console, *, local: bool) -> Iterator[str]:
    """The address of the service that the tools call. Raises CommandError."""
    if url is not None and not local:
        yield url
        return
    settings = settings_here()
    if not local:
        yield f"http://127.0.0.1:{settings.port}"
        return
    from app.ops.local import local_service

    with local_service(settings, console) as address:
        yield address
