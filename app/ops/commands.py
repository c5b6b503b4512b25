"""The commands that process texts: compress, reconstruct, diff, batch and acceptance."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from app.ops import options
from app.ops.connection import service_client
from app.ops.exits import FAILED, INTERRUPTED, PARTLY, CommandError
from app.ops.inputs import Item, Unreadable, read_answer, read_batch, read_capsule, read_text
from app.ops.options import compress_body, epilog
from app.ops.terminal import put, put_json, sentences, shows_progress, waiting, write_file

if TYPE_CHECKING:
    from app.ops.client import Answer

people = typer.Typer(rich_markup_mode=None)

TextArgument = Annotated[
    str | None, typer.Argument(help="A text in UTF-8; omitted, or -: standard input.", metavar="FILE")
]


@people.command(
    epilog=epilog(
        "condenser compress notes.txt -r 0.3",
        "git log -p -3 | condenser compress --question 'Why was the cache removed?'",
        "condenser compress notes.txt --capsule notes.json --quiet > short.txt",
        "condenser compress notes.txt --local --json | jq .fidelity.missing",
    )
)
def compress(
    file: TextArgument = None,
    target_ratio: options.RatioOption = None,
    coverage: options.CoverageOption = None,
    method: options.MethodOption = "auto",
    question: options.QuestionOption = None,
    must_keep: options.MustKeepOption = None,
    content_type: options.ContentTypeOption = None,
    fidelity: options.FidelityOption = "exact",
    model: options.ModelOption = None,
    capsule: Annotated[Path | None, typer.Option("--capsule", "-C", help="File for the capsule.")] = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
    local: options.LocalOption = False,
) -> None:
    """Write a short text with the same content to standard output, and its figures to standard error."""
    with sentences(is_quiet=quiet or as_json) as console:
        body = compress_body(target_ratio, coverage, method, question, must_keep, content_type, fidelity, model)
        body["text"] = read_text(file)
        with service_client(url, api_key, console, local=local) as client, waiting(console, "compressing"):
            answer = client.compress(body)
        if capsule is not None:
            write_file(capsule, json.dumps(answer["capsule"]).encode())
        if as_json:
            put_json(answer)
        else:
            put(answer["compressed"])
        console.print(_figures(answer))


def _figures(answer: "Answer") -> str:
    sizes, fidelity = answer["sizes"], answer["fidelity"]
    summary = fidelity["summary"]
    return (
        f"{sizes['source_tokens']} -> {sizes['compressed_tokens']} tokens ({sizes['token_ratio']:.0%}), "
        f"{fidelity['facts']} facts: {fidelity['kept']} kept, {fidelity['missing_count']} missing; "
        f"{answer['method']}, {summary['taken']} of {summary['written']} sentences of the model taken, "
        f"{answer['timing']['total_ms'] / 1000:.1f} s"
    )


@people.command(
    epilog=epilog(
        "condenser reconstruct notes.json -o notes.txt",
        "condenser compress notes.txt --json | condenser reconstruct | cmp - notes.txt",
    )
)
def reconstruct(
    file: Annotated[
        str | None,
        typer.Argument(
            help="A capsule, or an answer of compress, in JSON; omitted, or -: standard input.", metavar="FILE"
        ),
    ] = None,
    mode: Annotated[options.Mode, typer.Option("--mode", help="semantic: rewritten by the model.")] = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File for the text; omitted: standard output.")
    ] = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
    local: options.LocalOption = False,
) -> None:
    """Restore the text, byte for byte if the capsule contains it."""
    with sentences(is_quiet=quiet or as_json) as console:
        capsule = read_capsule(file)
        with service_client(url, api_key, console, local=local) as client, waiting(console, "reconstructing"):
            answer = client.reconstruct(capsule, mode)
        text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n" if as_json else answer["text"]
        if out is None:
            put(text, end="")
        else:
            write_file(out, text.encode())


@people.command(
    epilog=epilog(
        "condenser diff notes.txt -r 0.3",
        "condenser compress notes.txt --json > answer.json; condenser diff notes.txt --answer answer.json",
        "FORCE_COLOR=1 condenser diff notes.txt | less -R",
    )
)
def diff(
    file: TextArgument = None,
    answer_file: Annotated[
        str | None,
        typer.Option("--answer", "-a", help="An answer to this text, as `compress --json` wrote it, to be shown."),
    ] = None,
    target_ratio: options.RatioOption = None,
    coverage: options.CoverageOption = None,
    method: options.MethodOption = "auto",
    question: options.QuestionOption = None,
    must_keep: options.MustKeepOption = None,
    content_type: options.ContentTypeOption = None,
    model: options.ModelOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
    local: options.LocalOption = False,
) -> None:
    """Show the text with the parts that the result omits struck through, then the result with the model's sentences
    marked.

    In colours on a terminal. Elsewhere, or if NO_COLOR is set, the marks are [-left out-] and {+by the model+}.
    """
    from app.ops.diff import difference, print_difference

    with sentences(is_quiet=quiet or as_json) as console:
        body = compress_body(target_ratio, coverage, method, question, must_keep, content_type, "exact", model)
        text = read_text(file)
        if answer_file is not None:
            answer = read_answer(answer_file)
        else:
            with service_client(url, api_key, console, local=local) as client, waiting(console, "compressing"):
                answer = client.compress({"text": text, **body})
        segments = difference(text, answer)
        if as_json:
            put_json(segments.as_json())
        else:
            print_difference(segments, file or "-", answer["sizes"])
            console.print(_figures(answer))


class _Rate(ProgressColumn):
    """Items a minute."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed * 60:.0f}/min" if task.speed else "-/min")


@people.command(
    epilog=epilog(
        "condenser batch texts/ -o short.jsonl -r 0.3",
        "jq -c '{text: .body}' mails.jsonl | condenser batch -o short.jsonl",
        "condenser batch short.jsonl -o texts.jsonl --operation reconstruct",
    )
)
def batch(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="File of JSON lines for the results; items that it already contains are skipped."
        ),
    ],
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
    as_json: Annotated[bool, typer.Option("--json", "-j", help="Write the counts as JSON.")] = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
    local: options.LocalOption = False,
) -> None:
    """Process many items; each result is written to disk when it is ready, and a second run processes the rest."""
    from app.ops.batch_run import Tally, run_batch

    with sentences(is_quiet=quiet) as console:
        body = compress_body(target_ratio, coverage, method, question, must_keep, content_type, fidelity, model)
        items = read_batch(source, operation, body, console, out)
        columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TextColumn("left:"), TimeRemainingColumn())
        tally = Tally()
        with Progress(*columns, console=console, disable=as_json or not shows_progress(console)) as bar:
            task = bar.add_task("", total=len(items))

            def progress(now: Tally) -> None:
                nonlocal tally
                tally = now
                bar.update(task, completed=now.ended)

            try:
                with service_client(url, api_key, console, local=local) as client:
                    run_batch(client, operation, items, out, progress)
            except (CommandError, KeyboardInterrupt) as error:
                bar.stop()
                _say_how_to_continue(console, items, out)
                raise error from None
        if as_json:
            put(json.dumps({"succeeded": tally.succeeded, "failed": tally.failed, "skipped": tally.skipped}))
        else:
            console.print(f"{tally.succeeded} done, {tally.failed} failed, {tally.skipped} already done before")
    if tally.failed:
        raise typer.Exit(PARTLY)


def _say_how_to_continue(console: Console, items: Sequence[Item | Unreadable], out: Path) -> None:
    from app.ops.batch_run import finished_keys

    keys = finished_keys(out)
    done = sum(isinstance(item, Item) and item.key in keys for item in items)
    if done:
        console.print(f"{done} of {len(items)} are done and in {out}; run the same command again for the rest")


@people.command(
    epilog=epilog(
        "condenser acceptance",
        "condenser acceptance --texts 32 --rounds 10 -o acceptance.json",
        codes="Exit codes: 0 all criteria met, 1 one missed, 2 wrong usage, 3 no service answers, 130 interrupted.",
    )
)
def acceptance(
    texts: Annotated[int, typer.Option(help="Number of texts in the throughput runs.", min=2, max=32)] = 20,
    rounds: Annotated[int, typer.Option(help="Number of texts of each length in the latency run.", min=1, max=10)] = 3,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File for the figures as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", "-j", help="Write the figures as JSON.")] = False,
    quiet: options.QuietOption = False,
    url: options.UrlOption = None,
    api_key: options.KeyOption = None,
    local: options.LocalOption = False,
) -> None:
    """Check a running service against five criteria: model, latency, reconstruction, savings, throughput."""
    from app.ops.acceptance import accept, print_rows

    with sentences(is_quiet=quiet or as_json) as console:
        with service_client(url, api_key, console, local=local, fresh=True) as client:
            verdict = accept(client, texts=texts, rounds=rounds, say=console.print)
        if as_json:
            put_json(verdict.as_json())
        else:
            # A file or a pipe has no width at which to fold lines.
            print_rows(verdict, Console(highlight=False, width=None if sys.stdout.isatty() else 200))
        if out is not None:
            write_file(out, (json.dumps(verdict.as_json(), indent=2) + "\n").encode())
    if not verdict.is_met:
        raise typer.Exit(INTERRUPTED if verdict.is_interrupted else FAILED)
