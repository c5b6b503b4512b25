"""Call the tools of Condenser's MCP server. Needs a service: `condenser serve`."""

import asyncio
import os

from mcp import Client

TEXT = "The ferry leaves at 07:45. Nobody knows why, but people talk about it for hours. Tickets cost 24 euros."


async def main() -> None:
    async with Client(os.environ.get("CONDENSER_URL", "http://127.0.0.1:8000") + "/mcp") as client:
        print([tool.name for tool in (await client.list_tools()).tools])
        wanted = {"text": TEXT, "question": "What does it cost?", "target_ratio": 0.3, "method": "extractive"}
        short = await client.call_tool("compress", wanted)
        print((short.structured_content or {})["compressed"])


asyncio.run(main())
