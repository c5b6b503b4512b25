"""The commands that inspect a service: status, models and jobs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.ops import options
from app.ops.connection import service_client
from app.ops.exits import FAILED
from app.ops.inputs import Item, read_batch
from app.ops.options import compress_body, epilog
from app.ops.terminal import put, put_json, sentences, waiting

if TYPE_CHECKING:
    from app.ops.client import Answer

inspection = typer.Typer(rich_markup_mode=None)
jobs = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Batches that the service answers later.")
inspection.add_typer(jobs, name="jobs")

BatchArgument = Annotated[str, typer.Argument(help="Id of the batch, as `jobs list` shows it.", metavar="ID")]
_NOTHING = "-"


@inspection.command(
    epilog=epilog(
        "condenser status",
        "condenser status --url https://condenser.example.org --json | jq .queue.depth",
        codes="Exit codes: 0 it can serve, 1 its engine has a problem, 2 wrong usage, 3 no service answers.",
    )
)
def status(
    as_json: options.JsonOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
) -> None:
    """Show a service's engine, model and queue, and its figures for the last minute."""
    with sentences() as console:
        with service_client(url, api_key, console) as client:
            answer = client.status()
        if as_json:
            put_json(answer)
        else:
            put("\n".join(_status_lines(answer, client.url)))
            _put_table(("operation", "per minute", "p50", "p95", "p99"), _operation_rows(answer["operations"]))
    if answer["engine"]["problem"] is not None:
        raise typer.Exit(FAILED)


def _status_lines(answer: "Answer", url: str) -> list[str]:
    engine, model, queue, savings = (answer[name] for name in ("engine", "model", "queue", "savings"))
    where = f"{engine['name']} {engine['version'] or ''}".strip()
    ratio = model["gpu_ratio"]
    share = "" if ratio is None or not model["loaded"] else f", {ratio:.0%} on the GPU"
    lines = [
        f"Condenser {answer['version']} at {url}" + (f", {answer['workers']} workers" if answer["workers"] > 1 else ""),
        f"engine   {where} at {engine['url']}: {'up' if engine['up'] else 'down'}",
        f"model    {model['name']}: {'loaded' if model['loaded'] else 'not loaded'}, context window of "
        f"{model['num_ctx']} tokens{share}",
        f"queue    {queue['depth']} of {queue['capacity']} places taken; {queue['in_flight']} of "
        f"{queue['concurrency_limit']} calls in the engine",
        _savings_line(savings, answer["window_s"]),
        f"readers  {savings['reader_since_start']['tokens']} tokens saved since the start, "
        f"${savings['reader_since_start']['usd']:.4f}",
    ]
    warnings = dict.fromkeys((engine["warning"], model["warning"]))
    lines += [f"problem  {engine['problem']}"] if engine["problem"] is not None else []
    return lines + [f"warning  {warning}" for warning in warnings if warning is not None]


def _savings_line(savings: "Answer", window_s: int) -> str:
    if savings["ratio"] is None:
        return f"savings  no calls of the model in the last {window_s} s"
    return f"savings  {savings['ratio']:.0%} of the cloud's price in the last {window_s} s, ${savings['usd']:.4f}"


def _operation_rows(operations: "Answer") -> Iterable[Sequence[str]]:
    for name, figures in operations.items():
        latency = figures["latency_s"] or {}
        seconds = [f"{latency[key]:.3f} s" if key in latency else _NOTHING for key in ("p50", "p95", "p99")]
        yield name, f"{figures['per_minute']:.0f}", *seconds


def _put_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table without borders, as wide as its content."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False, soft_wrap=True, width=1000)
    with console.capture() as captured:
        console.print(table)
    put("\n".join(line.rstrip() for line in captured.get().splitlines()))


@inspection.command(epilog=epilog("condenser models", "condenser compress notes.txt --model qwen2.5:3b"))
def models(
    as_json: options.JsonOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
) -> None:
    """List the models that can be given to --model."""
    with sentences() as console:
        with service_client(url, api_key, console) as client:
            answer = client.models()
        if as_json:
            put_json(answer)
            return
        rows = (
            (row["name"], "yes" if row["default"] else "", "yes" if row["loaded"] else "") for row in answer["models"]
        )
        _put_table(("model", "default", "loaded"), rows)


@jobs.command(
    "submit",
    epilog=epilog(
        "condenser jobs submit texts/ -r 0.3", "condenser jobs show --results $(condenser jobs submit texts/)"
    ),
)
def submit_job(
    source: options.SourceArgument = None,
    operation: options.OperationOption = "compress",
    target_ratio: options.RatioOption = None,
    coverage: options.CoverageOption = None,
    method: options.MethodOption = "auto",
    question: options.QuestionOption = None,
    must_keep: options.MustKeepOption = None,
    content_type: options.ContentTypeOption = None,
    fidelity: options.FidelityOption = "exact",
    model: options.ModelOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", "-j", help="Write the batch and its items' names as JSON.")
    ] = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
) -> None:
    """Send a batch to the service, which stores and processes it; write its id. It must fit into one request."""
    with sentences(is_quiet=quiet) as console:
        body = compress_body(target_ratio, coverage, method, question, must_keep, content_type, fidelity, model)
        batch = read_batch(source, operation, body, console)
        names = [item.name for item in batch if isinstance(item, Item)]
        for item in batch:
            if not isinstance(item, Item):
                console.print(f"left out: {item.name}: {item.reason}")
        with service_client(url, api_key, console) as client, waiting(console, "sending"):
            progress = client.batch_later(operation, [item.body for item in batch if isinstance(item, Item)])
        if as_json:
            put_json({**progress, "names": names})
        else:
            put(progress["id"])


@jobs.command("list", epilog=epilog("condenser jobs list", "condenser jobs list --json | jq '.batches[].id'"))
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", help="Maximum number of batches.", min=1, max=1000)] = 20,
    as_json: options.JsonOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
) -> None:
    """List the batches that were submitted with this key, newest first."""
    with sentences() as console:
        with service_client(url, api_key, console) as client:
            answer = client.batches(limit)
        if as_json:
            put_json(answer)
        else:
            _put_table(_JOB_HEADS, map(_job_row, answer["batches"]))


_JOB_HEADS = ("id", "operation", "state", "items", "done", "failed", "created")


def _job_row(job: "Answer") -> Sequence[str]:
    done = (str(job[name]) for name in ("items", "succeeded", "failed"))
    return job["id"], job["operation"], job["state"], *done, str(job["created_at"])[:19].replace("T", " ")


@jobs.command(
    "show",
    epilog=epilog("condenser jobs show ID", "condenser jobs show ID --results > results.jsonl"),
)
def show_job(
    batch_id: BatchArgument,
    results: Annotated[
        bool, typer.Option("--results", "-r", help="Write each result as a line of JSON until the batch has ended.")
    ] = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
) -> None:
    """Show the progress of a batch, or its results as they arrive."""
    with sentences(is_quiet=quiet) as console, service_client(url, api_key, console) as client:
        if results:
            for line in client.batch_results(batch_id):
                put(line)
            return
        progress = client.batch_progress(batch_id)
        if as_json:
            put_json({name: value for name, value in progress.items() if name not in ("results", "next")})
        else:
            _put_table(_JOB_HEADS, [_job_row(progress)])


@jobs.command("cancel", epilog=epilog("condenser jobs cancel ID"))
def cancel_job(
    batch_id: BatchArgument,
    quiet: options.QuietOption = False,
    as_json: options.JsonOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
) -> None:
    """Cancel a batch and erase its texts and results; delete it if it is done."""
    with sentences(is_quiet=quiet or as_json) as console:
        with service_client(url, api_key, console) as client:
            client.cancel_batch(batch_id)
        if as_json:
            put_json({"id": batch_id, "cancelled": True})
        console.print(f"{batch_id} is cancelled")
