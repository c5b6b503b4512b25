"""The MCP server on standard input and output."""

import anyio
from mcp.server.stdio import stdio_server

from app.mcp.server import make_server
from condenser_client import AsyncCondenser

_ANSWER_LIMIT_S = 3600.0  # the service itself bounds how long a request takes


def serve(address: str, api_key: str | None) -> None:
    """Serve until standard input ends. Raises ValueError where the address is none."""
    anyio.run(_serve, AsyncCondenser(address, api_key=api_key, timeout_s=_ANSWER_LIMIT_S))


async def _serve(client: AsyncCondenser) -> None:
    server = make_server(lambda context: client)
    async with client, stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
