"""The tools of the MCP server. Each calls the HTTP API, so that limits, queue, log and metrics apply to them too.

Importing this imports the MCP SDK, which takes most of a second.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app import __version__
from condenser_client import AsyncCondenser, Capsule, CondenserError, ProblemError, Status, UnreachableError

Context = ServerRequestContext[Any, Any]
Connect = Callable[[Context], AsyncCondenser]
"""Returns the client with which the tools of a request call the service; it has the key of the request."""

_INSTRUCTIONS = (
    "Condenser shortens texts. `compress` keeps whole sentences, rows and lines of the text, or sentences of a model "
    "that were checked against it, and names the facts it left out. Use it on long texts (reports, logs, tables, code, "
    "chats) before you reason over them or pass them on. `reconstruct` gives the text back, byte for byte."
)


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _CompressArguments(_Arguments):
    text: Annotated[str, Field(min_length=1, description="The text to shorten, whole and unchanged.")]
    target_ratio: Annotated[
        float | None,
        Field(
            ge=0.01,
            le=1,
            description="Target length of the result as a share of the text's tokens: 0.3 is a third. If omitted, the "
            "result is as short as possible while it keeps most of what the text says.",
        ),
    ] = None
    question: Annotated[
        str | None,
        Field(min_length=1, max_length=1000, description="Keep what answers this question, before anything else."),
    ] = None
    must_keep: Annotated[
        list[str] | None,
        Field(max_length=100, description="Strings of the text that must be in the result to the letter."),
    ] = None
    method: Annotated[
        Literal["auto", "abstractive", "extractive"] | None,
        Field(
            description="`auto` (default): sentences of the text and checked ones of a model; `extractive`: of the "
            "text only, in milliseconds; `abstractive`: of the model only."
        ),
    ] = None
    content_type: Annotated[
        str | None,
        Field(
            description="What the text is, if you know: `json`, `csv`, `log`, `text/html` ... Otherwise it is detected."
        ),
    ] = None
    include_capsule: Annotated[
        bool,
        Field(
            description="Whether the result has the capsule that `reconstruct` needs. It is about as long as the text "
            "itself: set false if you need only the short text."
        ),
    ] = True


class _Compressed(BaseModel):
    compressed: Annotated[str, Field(description="The short text.")]
    method: Annotated[str, Field(description="`verbatim`: the text itself, it would not get shorter.")]
    source_tokens: int
    compressed_tokens: int
    facts: Annotated[int, Field(description="Facts in the text: figures, dates, names, identifiers.")]
    facts_kept: Annotated[int, Field(description="Those of them that are in the short text.")]
    missing: Annotated[list[str], Field(description="The most important facts that are not, at most 20.")]
    capsule: Annotated[Capsule | None, Field(description="For `reconstruct`; null without include_capsule.")] = None


def _from_json(value: object) -> object:
    """Models sometimes send an object as a string of JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    inner = value.get("capsule") if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else value


class _ReconstructArguments(_Arguments):
    capsule: Annotated[
        Capsule,
        BeforeValidator(_from_json),
        Field(description="The `capsule` of a result of `compress`, unchanged."),
    ]
    mode: Annotated[
        Literal["auto", "exact", "semantic"],
        Field(
            description="`exact`: the text byte for byte; `semantic`: rewritten by the model; `auto`: exact if the "
            "capsule holds the text."
        ),
    ] = "auto"


class _Reconstructed(BaseModel):
    text: str
    mode: str
    verified: Annotated[bool, Field(description="Whether it is the text that was compressed, byte for byte.")]


class _NoArguments(_Arguments):
    pass


async def _compress(client: AsyncCondenser, arguments: _CompressArguments) -> CallToolResult:
    options: Any = arguments.model_dump(exclude={"text", "include_capsule"}, exclude_none=True)
    answer = await client.compress(arguments.text, **options)
    result = _Compressed(
        compressed=answer.compressed,
        method=answer.method,
        source_tokens=answer.sizes.source_tokens,
        compressed_tokens=answer.sizes.compressed_tokens,
        facts=answer.fidelity.facts,
        facts_kept=answer.fidelity.kept,
        missing=answer.fidelity.missing,
        capsule=answer.capsule if arguments.include_capsule else None,
    )
    note = f"{result.source_tokens} -> {result.compressed_tokens} tokens; {result.facts_kept} of {result.facts} facts"
    missing = f"; not in it: {', '.join(result.missing)}" if result.missing else ""
    return _result(result, result.compressed, note + missing)


async def _reconstruct(client: AsyncCondenser, arguments: _ReconstructArguments) -> CallToolResult:
    answer = await client.reconstruct(arguments.capsule, mode=arguments.mode)
    return _result(_Reconstructed(text=answer.text, mode=answer.mode, verified=answer.verified), answer.text)


async def _status(client: AsyncCondenser, arguments: _NoArguments) -> CallToolResult:
    status = await client.status()
    engine, model, queue = status.engine, status.model, status.queue
    lines = [
        f"Condenser {status.version}, engine {engine.name} {engine.version or '(does not answer)'}, model {model.name}"
        f" ({'in memory' if model.loaded else 'not in memory'})",
        f"{queue.in_flight} of {queue.concurrency_limit} calls in progress, {queue.depth} of {queue.capacity} waiting",
        *(f"{name}: {figures.per_minute:g} a minute" for name, figures in status.operations.items()),
        *([f"Problem: {engine.problem}"] if engine.problem else []),
        *(f"Warning: {warning}" for warning in (engine.warning, model.warning) if warning),
    ]
    return _result(status, "\n".join(lines))


def _result(structured: BaseModel, *texts: str) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=text) for text in texts],
        structured_content=structured.model_dump(mode="json"),
    )


ArgumentsT = TypeVar("ArgumentsT", bound=_Arguments)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tool as it is listed, and the function that runs it."""

    tool: Tool
    perform: Callable[[AsyncCondenser, Mapping[str, object]], Awaitable[CallToolResult]]


def _entry(
    name: str,
    title: str,
    description: str,
    arguments: type[ArgumentsT],
    result: type[BaseModel],
    perform: Callable[[AsyncCondenser, ArgumentsT], Awaitable[CallToolResult]],
) -> _Entry:
    async def checked(client: AsyncCondenser, given: Mapping[str, object]) -> CallToolResult:
        return await perform(client, arguments.model_validate(given))

    tool = Tool(
        name=name,
        title=title,
        description=description,
        input_schema=arguments.model_json_schema(),
        output_schema=result.model_json_schema(mode="serialization"),
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )
    return _Entry(tool, checked)


_ENTRIES = (
    _entry(
        "compress",
        "Compress a text",
        "Shorten a text to what it says: whole sentences, rows or lines of it, or checked sentences by a model. The "
        "result tells how many facts it keeps and names those it left out. For prose, JSON, CSV and tables, code, "
        "diffs, logs, HTML, e-mail and chats, each in its own form.",
        _CompressArguments,
        _Compressed,
        _compress,
    ),
    _entry(
        "reconstruct",
        "Get a text back",
        "Give back the text that `compress` shortened, byte for byte, from its capsule.",
        _ReconstructArguments,
        _Reconstructed,
        _reconstruct,
    ),
    _entry(
        "status",
        "Status of the service",
        "Tell whether the service and its model are up, how long the queue is, and how fast and at what savings the "
        "last minute's work was done.",
        _NoArguments,
        Status,
        _status,
    ),
)


def make_server(connect: Connect) -> Server[Any]:
    """The MCP server; its tools call the service through the client that `connect` returns."""
    entries = {entry.tool.name: entry for entry in _ENTRIES}

    async def list_tools(context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[entry.tool for entry in _ENTRIES])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        entry = entries.get(params.name)
        if entry is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name!r}; there are: {', '.join(entries)}")
        try:
            return await entry.perform(connect(context), params.arguments or {})
        except ValidationError as error:
            return _failure(
                "; ".join(_clause(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()[:10])
            )
        except ProblemError as error:
            wait_s = error.retry_after_s
            return _failure(str(error) + (f" (try again in {wait_s:g} s)" if wait_s else ""))
        except UnreachableError as error:
            return _failure(f"{error}; start it with `condenser serve`, or name another with CONDENSER_URL")
        except CondenserError as error:
            return _failure(str(error))

    return Server(
        "condenser",
        version=__version__,
        title="Condenser",
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _clause(location: tuple[int | str, ...], kind: str, message: str) -> str:
    return f"{'.'.join(map(str, location))}: {'there is no such argument' if kind == 'extra_forbidden' else message}"


def _failure(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=message)], is_error=True)
