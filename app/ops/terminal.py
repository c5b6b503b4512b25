"""Output of the commands: results to standard output, sentences and progress to standard error."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.ops.exits import INTERRUPTED, USAGE, CommandError


@contextmanager
def sentences(*, is_quiet: bool = False) -> Iterator[Console]:
    """A console on standard error. A CommandError or Ctrl-C in the block ends the command with one sentence there.

    `is_quiet`: only that sentence is written.
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    try:
        yield Console(stderr=True, highlight=False, soft_wrap=True, markup=False, quiet=is_quiet)
    except CommandError as error:
        errors.print(Text("condenser: ", "bold red") + Text(str(error)))
        raise typer.Exit(error.code) from None
    except KeyboardInterrupt:
        errors.print("condenser: interrupted")
        raise typer.Exit(INTERRUPTED) from None


def shows_progress(console: Console) -> bool:
    """Whether to show progress: only on a terminal, and not if the console is quiet."""
    return sys.stderr.isatty() and not console.quiet and not console.is_dumb_terminal


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """On a terminal, show a spinner, what is waited for and the elapsed seconds during the block."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not shows_progress(console),
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        progress.add_task(what, total=None)
        yield


def put(text: str, end: str = "\n") -> None:
    """Write bytes, so that line ends and any Unicode character pass unchanged whatever the terminal's encoding."""
    try:
        sys.stdout.buffer.write(f"{text}{end}".encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has closed the pipe. Python would report that again when it closes its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def put_json(value: object) -> None:
    """Write a value as indented JSON."""
    put(json.dumps(value, ensure_ascii=False, indent=2))


def write_file(path: Path, data: bytes) -> None:
    """Write a file. Raises CommandError."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}", USAGE) from None
