"""The commands that work with a service: compress, reconstruct, batch and acceptance."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from app.compression.compressor import Method
from app.ops.batch_run import Tally, finished_keys, run_batch
from app.ops.client import Answer, ServiceClient
from app.ops.exits import FAILED, INTERRUPTED, PARTLY, USAGE, CommandError
from app.ops.inputs import Item, Unreadable, items, read_capsule, read_text
from app.settings import SettingsError, load_settings

people = typer.Typer(rich_markup_mode=None)

UrlOption = Annotated[str | None, typer.Option(help="Address of the service; left out: here, on CONDENSER_PORT.")]
KeyOption = Annotated[
    str | None, typer.Option(help="Key for the service, where it wants one.", envvar="CONDENSER_API_KEY")
]
LocalOption = Annotated[bool, typer.Option("--local", help="Without a service: run the engine in this command.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write the whole answer as JSON.")]
RatioOption = Annotated[
    float | None, typer.Option(help="Wished tokens of the result over the text's, 0.01 to 1.", min=0.01, max=1)
]
CoverageOption = Annotated[
    float | None,
    typer.Option(help="Share of the text's worth to keep, over 0, at most 1; not with --target-ratio.", max=1),
]
MethodOption = Annotated[
    str, typer.Option(help="auto, abstractive (the model's sentences only) or extractive (no model call).")
]
QuestionOption = Annotated[str | None, typer.Option(help="Compress for answering this question.")]
MustKeepOption = Annotated[list[str] | None, typer.Option(help="String that must survive verbatim; repeatable.")]
ContentTypeOption = Annotated[
    str | None, typer.Option(help="What the text is: json, csv, text/html ...; left out: found by its looks.")
]
FidelityOption = Annotated[str, typer.Option(help="exact, or semantic: a smaller capsule without the source.")]
ModelOption = Annotated[str | None, typer.Option(help="Model to ask; left out: the service's own.")]

_CODES = (
    "Exit codes: 0 done, 1 the service said no, 2 wrong usage or input, 3 no service answers, "
    "4 some items of a batch failed, 130 interrupted."
)


@contextmanager
def _sentences() -> Iterator[Console]:
    """A console on standard error; a CommandError or Ctrl-C in the block ends the command with a sentence there."""
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        yield told
    except CommandError as error:
        told.print(Text("condenser: ", "bold red") + Text(str(error)))
        raise typer.Exit(error.code) from None
    except KeyboardInterrupt:
        told.print("condenser: interrupted")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _client(url: str | None, api_key: str | None, *, local: bool, fresh: bool = False) -> Iterator[ServiceClient]:
    try:
        settings = load_settings()
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    if not local:
        with ServiceClient(url or f"http://127.0.0.1:{settings.port}", api_key, fresh=fresh) as client:
            yield client
        return
    # Starting the service takes a second that no other command should pay.
    from app.ops.local import local_service

    own = settings.model_copy(update={"api_keys": ()})
    with local_service(own) as address, ServiceClient(address, fresh=fresh) as client:
        yield client


def _wishes(
    target_ratio: float | None,
    coverage: float | None,
    method: str,
    question: str | None,
    must_keep: list[str] | None,
    content_type: str | None,
    fidelity: str,
    model: str | None,
) -> dict[str, object]:
    """The fields of a body of `/compress` beside its text. Raises CommandError."""
    if fidelity not in ("exact", "semantic"):
        raise CommandError(f"--fidelity is exact or semantic, not {fidelity}", USAGE)
    if method not in get_args(Method):
        raise CommandError(f"--method is auto, abstractive or extractive, not {method}", USAGE)
    if target_ratio is not None and coverage is not None:
        raise CommandError("--target-ratio and --coverage can't be given together", USAGE)
    if coverage is not None and coverage <= 0:
        raise CommandError(f"--coverage is over 0 and at most 1, not {coverage:g}", USAGE)
    every = {
        "target_ratio": target_ratio,
        "coverage": coverage,
        "method": None if method == "auto" else method,
        "question": question,
        "must_keep": must_keep or None,
        "content_type": content_type,
        "fidelity": fidelity,
        "model": model,
    }
    return {name: value for name, value in every.items() if value is not None}


@people.command(epilog=_CODES)
def compress(
    file: Annotated[str, typer.Argument(help="A text in UTF-8, or - for standard input.")],
    target_ratio: RatioOption = None,
    coverage: CoverageOption = None,
    method: MethodOption = "auto",
    question: QuestionOption = None,
    must_keep: MustKeepOption = None,
    content_type: ContentTypeOption = None,
    fidelity: FidelityOption = "exact",
    model: ModelOption = None,
    capsule: Annotated[Path | None, typer.Option(help="File for the capsule.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    api_key: KeyOption = None,
    local: LocalOption = False,
) -> None:
    """Write a short text that says the same to standard output, and its figures to standard error."""
    with _sentences() as told:
        wishes = _wishes(target_ratio, coverage, method, question, must_keep, content_type, fidelity, model)
        body = {"text": read_text(file), **wishes}
        with _client(url, api_key, local=local) as client:
            answer = client.compress(body)
        if capsule is not None:
            _write(capsule, json.dumps(answer["capsule"]).encode())
        _put(json.dumps(answer, ensure_ascii=False, indent=2) if as_json else answer["compressed"])
        told.print(_figures(answer))


def _figures(answer: Answer) -> str:
    sizes, fidelity = answer["sizes"], answer["fidelity"]
    summary = fidelity["summary"]
    return (
        f"{sizes['source_tokens']} -> {sizes['compressed_tokens']} tokens ({sizes['token_ratio']:.0%}), "
        f"{fidelity['facts']} facts: {fidelity['kept']} kept, {fidelity['missing_count']} missing; "
        f"{answer['method']}, {summary['taken']} of {summary['written']} sentences of the model taken, "
        f"{answer['timing']['total_ms'] / 1000:.1f} s"
    )


@people.command(epilog=_CODES)
def reconstruct(
    file: Annotated[str, typer.Argument(help="A capsule, or an answer of compress, in JSON; - is standard input.")],
    mode: Annotated[str, typer.Option(help="auto, exact or semantic.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="File for the text; left out: standard output.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    api_key: KeyOption = None,
    local: LocalOption = False,
) -> None:
    """Give the text back, byte for byte where the capsule holds it."""
    with _sentences():
        capsule = read_capsule(file)
        with _client(url, api_key, local=local) as client:
            answer = client.reconstruct(capsule, mode)
        text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n" if as_json else answer["text"]
        if out is None:
            _put(text, end="")
        else:
            _write(out, text.encode())


def _put(text: str, end: str = "\n") -> None:
    """Write bytes, so that line ends and any Unicode go through whatever the terminal's encoding."""
    try:
        sys.stdout.buffer.write(f"{text}{end}".encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}", USAGE) from None


class _Rate(ProgressColumn):
    """Items a minute."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed * 60:.0f}/min" if task.speed else "-/min")


@people.command(epilog=_CODES)
def batch(
    source: Annotated[Path, typer.Argument(help="Folder of texts, or file of JSON lines: texts or bodies.")],
    out: Annotated[Path, typer.Option(help="File of JSON lines for the results; what it has is not done again.")],
    operation: Annotated[str, typer.Option(help="compress or reconstruct.")] = "compress",
    target_ratio: RatioOption = None,
    coverage: CoverageOption = None,
    method: MethodOption = "auto",
    question: QuestionOption = None,
    must_keep: MustKeepOption = None,
    content_type: ContentTypeOption = None,
    fidelity: FidelityOption = "exact",
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the counts as JSON.")] = False,
    url: UrlOption = None,
    api_key: KeyOption = None,
    local: LocalOption = False,
) -> None:
    """Do many items; each result is on the disk as soon as it is ready, and a second run does what is left."""
    with _sentences() as told:
        if operation not in ("compress", "reconstruct"):
            raise CommandError(f"--operation is compress or reconstruct, not {operation}", USAGE)
        options = _wishes(target_ratio, coverage, method, question, must_keep, content_type, fidelity, model)
        wanted = list(items(source, operation, options))
        columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TextColumn("left:"), TimeRemainingColumn())
        tally = Tally()
        with Progress(*columns, console=told, disable=not told.is_terminal) as bar:
            task = bar.add_task("", total=len(wanted))

            def progress(now: Tally) -> None:
                nonlocal tally
                tally = now
                bar.update(task, completed=now.ended)

            try:
                with _client(url, api_key, local=local) as client:
                    run_batch(client, operation, wanted, out, progress)
            except (CommandError, KeyboardInterrupt) as error:
                bar.stop()
                _say_how_to_go_on(told, wanted, out)
                raise error from None
        _sum_up(told, tally, as_json=as_json)
    if tally.failed:
        raise typer.Exit(PARTLY)


def _say_how_to_go_on(told: Console, wanted: Sequence[Item | Unreadable], out: Path) -> None:
    keys = finished_keys(out)
    done = sum(isinstance(one, Item) and one.key in keys for one in wanted)
    if done:
        told.print(f"{done} of {len(wanted)} are done and in {out}; the same command goes on with the rest")


def _sum_up(told: Console, tally: Tally, *, as_json: bool) -> None:
    counts = {"succeeded": tally.succeeded, "failed": tally.failed, "skipped": tally.skipped}
    if as_json:
        _put(json.dumps(counts))
    else:
        told.print(f"{tally.succeeded} done, {tally.failed} failed, {tally.skipped} were done before")


@people.command(epilog="Exit codes: 0 all criteria met, 1 one is not, 2 wrong usage, 3 no service, 130 interrupted.")
def acceptance(
    texts: Annotated[int, typer.Option(help="Texts of the throughput runs.", min=2, max=32)] = 20,
    rounds: Annotated[int, typer.Option(help="Texts of each length of the latency run.", min=1, max=10)] = 3,
    out: Annotated[Path | None, typer.Option("--json", help="File for the figures as JSON.")] = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    local: LocalOption = False,
) -> None:
    """Try a running service against five criteria: model, latency, reconstruction, savings, throughput."""
    from app.ops.acceptance import accept, print_rows

    with _sentences() as told:
        with _client(url, api_key, local=local, fresh=True) as client:
            found = accept(client, texts=texts, rounds=rounds, say=told.print)
        # A file or a pipe has no width to fold lines at.
        print_rows(found, Console(highlight=False, width=None if sys.stdout.isatty() else 200))
        if out is not None:
            _write(out, (json.dumps(found.as_json(), indent=2) + "\n").encode())
    if not found.is_met:
        raise typer.Exit(INTERRUPTED if found.is_interrupted else FAILED)
