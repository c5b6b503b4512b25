"""The MCP server by the SDK's own client, over HTTP in both of its protocol's generations, and on standard input."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from app.api.examples import TEXT
from tests.clients.conftest import KEY
from tests.security.serving import Served
from tests.unit.service import SUMMARY, answer, ollama, running

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
COMPRESS = {"text": TEXT, "method": "extractive", "target_ratio": 0.4}
_CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _CLIENT}) + "\n"
ACCEPT = {"Accept": "application/json, text/event-stream"}


def texts(result: CallToolResult) -> list[str]:
    return [block.text for block in result.content if isinstance(block, TextContent)]


def structured(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, texts(result)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def over_stdio(*arguments: str) -> Client:
    env = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *("-m", "app.cli", "mcp"), *arguments]
    return Client(StdioServerParameters(command=command[0], args=command[1:], env=env))


@pytest.fixture(params=["auto", "legacy"])
def client(request: pytest.FixtureRequest, service: Served) -> Client:
    """A client over HTTP: `auto` speaks the newest protocol, `legacy` the one with a handshake."""
    return Client(f"{service.url}/mcp", mode=request.param)


async def test_the_tools_are_listed_with_what_they_take_and_give(client: Client) -> None:
    async with client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == ["compress", "reconstruct", "status"]
    compress = tools["compress"]
    assert compress.description
    assert compress.input_schema["required"] == ["text"]
    assert {"target_ratio", "question", "must_keep", "method"} <= compress.input_schema["properties"].keys()
    assert all(schema["description"] for schema in compress.input_schema["properties"].values())
    assert compress.output_schema
    assert compress.output_schema["properties"]["compressed"]["type"] == "string"


async def test_a_text_is_compressed_and_comes_back_from_its_capsule(client: Client) -> None:
    async with client:
        short = await client.call_tool("compress", COMPRESS)
        back = await client.call_tool("reconstruct", {"capsule": structured(short)["capsule"]})
    assert structured(short)["compressed"] == texts(short)[0]
    assert structured(short)["compressed_tokens"] < structured(short)["source_tokens"]
    assert structured(back) == {"text": TEXT, "mode": "exact", "verified": True}
    assert texts(back) == [TEXT]


async def test_the_capsule_may_come_as_a_string_or_inside_of_its_result(client: Client) -> None:
    async with client:
        short = structured(await client.call_tool("compress", COMPRESS))
        from_string = await client.call_tool("reconstruct", {"capsule": json.dumps(short["capsule"])})
        from_result = await client.call_tool("reconstruct", {"capsule": short})
    assert structured(from_string)["text"] == structured(from_result)["text"] == TEXT


async def test_the_capsule_stays_away_where_it_is_not_wanted(client: Client) -> None:
    async with client:
        short = await client.call_tool("compress", {**COMPRESS, "include_capsule": False})
    assert structured(short)["capsule"] is None


async def test_what_is_asked_for_is_passed_on(client: Client) -> None:
    wanted = {"question": "Who wrote to the customers?", "must_keep": ["14:35 UTC"], "target_ratio": 0.3}
    async with client:
        short = await client.call_tool("compress", {"text": TEXT, "method": "extractive", **wanted})
    assert "Maria Lindqvist" in texts(short)[0]
    assert "14:35 UTC" in texts(short)[0]


async def test_the_status_is_given_in_words_and_in_fields(client: Client) -> None:
    async with client:
        status = await client.call_tool("status", {})
    assert structured(status)["engine"]["up"] is False
    assert "Problem: " in texts(status)[0]


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("compress", {"text": TEXT, "must_keep": ["zzz"]}, "must_keep: 'zzz' does not stand in the text"),
        ("compress", {"text": TEXT, "target_ratio": 3}, "target_ratio: Input should be less than or equal to 1"),
        ("compress", {"text": TEXT, "ratio": 0.3}, "ratio: there is no such argument"),
        ("compress", {}, "text: Field required"),
        ("compress", {"text": TEXT}, "The engine can't be reached"),
        ("reconstruct", {"capsule": {"version": 1, "payload": "????"}}, "the payload is not base64"),
        ("reconstruct", {"capsule": "no JSON"}, "capsule: "),
    ],
)
async def test_a_call_that_cant_be_done_is_an_error_of_the_tool_that_says_why(
    service: Served, tool: str, arguments: dict[str, object], message: str
) -> None:
    async with Client(f"{service.url}/mcp") as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert message in texts(result)[0]


async def test_an_unknown_tool_is_an_error_of_the_protocol(service: Served) -> None:
    async with Client(f"{service.url}/mcp") as client:
        with pytest.raises(MCPError, match="there is no tool 'translate'"):
            await client.call_tool("translate", {})


async def test_a_call_counts_as_one_of_the_api() -> None:
    counter = 'condenser_operations_total{operation="compress",outcome="ok"} '
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "compress", "arguments": COMPRESS}}
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as http:
            await http.post("/mcp", json=call, headers=ACCEPT)
            assert f"{counter}1.0" in (await http.get("/metrics")).text


# Keys and web pages


def test_a_call_without_a_key_is_answered_401_where_keys_are_set(locked_service: Served) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = httpx.post(f"{locked_service.url}/mcp", json=body, headers=ACCEPT)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
async def test_the_keys_of_the_api_open_it_and_name_the_client(locked_service: Served, headers: dict[str, str]) -> None:
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(f"{locked_service.url}/mcp", http_client=http)
        async with Client(transport) as client:
            structured(await client.call_tool("compress", COMPRESS))
    lines = [json.loads(line) for line in locked_service.log.read_text().splitlines()]
    assert [line["client"] for line in lines if line.get("operation") == "compress"][-1] == "agent"


@pytest.mark.parametrize(
    ("origin", "status"), [("http://evil.example", 403), ("null", 403), ("{url}", 200), (None, 200)]
)
def test_a_web_page_of_another_origin_is_refused(service: Served, origin: str | None, status: int) -> None:
    headers = {"Origin": origin.format(url=service.url)} if origin else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = httpx.post(f"{service.url}/mcp", json=body, headers={**ACCEPT, **headers})
    assert answer.status_code == status


def test_a_foreign_host_name_is_refused(service: Served) -> None:
    answer = httpx.post(f"{service.url}/mcp", json={}, headers={"Host": "rebound.example"})
    assert answer.status_code == 421


# Bad input


def test_no_stream_is_held_open_for_a_get(service: Served) -> None:
    answer = httpx.get(f"{service.url}/mcp", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_a_body_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running(max_body_bytes=2000) as http:
            refused = await http.post("/mcp", content=b" " * 2001)
    assert refused.status_code == 413
    assert refused.json()["type"] == "urn:condenser:problem:too_large"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 50_000, b'{"jsonrpc":"2.0","id":1}', b"\xff"])
def test_a_body_that_is_no_message_is_a_client_error(service: Served, body: bytes) -> None:
    headers = {**ACCEPT, "Content-Type": "application/json"}
    assert httpx.post(f"{service.url}/mcp", content=body, headers=headers).status_code == 400


async def test_a_client_that_leaves_takes_its_call_out_of_the_engine() -> None:
    entered, ended = asyncio.Event(), asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    params = {"name": "compress", "arguments": {"text": TEXT}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await entered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    headers = {"host": "localhost", "content-type": "application/json", **ACCEPT}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": ("localhost", 8000),
    }
    with ollama(never):
        async with running() as http:
            await http.app(scope, receive, send)
            await ended.wait()


# On standard input


async def test_on_standard_input_the_tools_ask_the_service_at_the_url(locked_service: Served) -> None:
    async with over_stdio("--url", locked_service.url, "--api-key", KEY) as client:
        short = await client.call_tool("compress", COMPRESS)
        back = await client.call_tool("reconstruct", {"capsule": structured(short)["capsule"]})
    assert structured(back)["text"] == TEXT


async def test_on_standard_input_a_service_that_is_not_there_is_an_error_of_the_tool() -> None:
    async with over_stdio("--url", "http://127.0.0.1:9") as client:
        result = await client.call_tool("status", {})
    assert result.is_error
    assert "no answer from http://127.0.0.1:9" in texts(result)[0]


def test_ctrl_c_ends_it_while_standard_input_is_open(service: Served) -> None:
    command = [sys.executable, "-m", "app.cli", "mcp", "--url", service.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == -signal.SIGINT


def test_nothing_but_the_protocol_is_on_standard_output(service: Served) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "mcp", "--url", service.url],
        input=INITIALIZE,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    (line,) = ended.stdout.splitlines()
    assert json.loads(line)["result"]["serverInfo"]["name"] == "condenser"
