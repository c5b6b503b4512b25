"""Shows the findings on a screen, or as JSON."""

import json
from collections import Counter
from collections.abc import Iterable
from io import StringIO
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.ops.doctor.findings import Finding, State
from app.ops.doctor.observations import Observations, to_json

WIDTH = 100

_COLOURS: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "cyan"}
_WORDS: dict[State, str] = {"ok": "ok", "warn": "warn", "fail": "FAIL", "unknown": "?"}


def print_screen(seen: Observations, findings: tuple[Finding, ...], file: TextIO) -> None:
    """Write findings and fixes; in colour on a terminal, unless NO_COLOR is set."""
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    console.print(_headline(seen, findings))
    console.print()
    console.print(_table(findings))
    for mended, command in _remedies(findings):
        is_wrong = any(finding.state != "unknown" for finding in mended)
        console.print()
        console.print(f"{'To fix' if is_wrong else 'To see more of'} {', '.join(finding.name for finding in mended)}:")
        for line in command.splitlines():
            # A command must stay on one line, or it can't be copied.
            console.print(Text(f"    {line}", style="bold"), soft_wrap=True)


def screen(seen: Observations, findings: tuple[Finding, ...]) -> str:
    """The screen as plain text, WIDTH columns wide."""
    out = StringIO()
    print_screen(seen, findings, out)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def report(seen: Observations, findings: tuple[Finding, ...]) -> str:
    """Findings and observations as JSON; `python -m app.ops.doctor FILE` shows them as a screen again."""
    rows = [
        {
            "name": finding.name,
            "state": finding.state,
            "sentence": finding.sentence,
            "command": finding.command,
            "details": list(finding.details),
        }
        for finding in findings
    ]
    return json.dumps({"findings": rows, "observations": json.loads(to_json(seen))}, indent=2, ensure_ascii=False)


def _headline(seen: Observations, findings: tuple[Finding, ...]) -> Text:
    counts = Counter(finding.state for finding in findings)
    words: dict[State, str] = {"fail": "failed", "warn": "to look at", "unknown": "not seen"}
    parts = [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
    verdict = ", ".join(parts) if parts else "all well"
    if seen.openai is not None:
        subject = f"{seen.configured.model} at {seen.openai.url}"
    elif seen.embedded is not None:
        subject = "the embedded engine"
    else:
        subject = f"{seen.configured.model} on Ollama at {seen.configured.ollama_url}"
    return Text(f"{verdict[0].upper()}{verdict[1:]}: {subject}.")


def _table(findings: Iterable[Finding]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, min_width=4)
    table.add_column(no_wrap=True, min_width=9)
    table.add_column(overflow="fold")
    for finding in findings:
        sentence = Text(finding.sentence)
        for detail in finding.details:
            sentence.append(f"\n{detail}", style="dim")
        table.add_row(Text(_WORDS[finding.state], style=_COLOURS[finding.state]), finding.name, sentence)
    return table


def _remedies(findings: Iterable[Finding]) -> list[tuple[list[Finding], str]]:
    """The commands to run, without repetition: a command that is part of another one is merged into it.

    Each comes with the findings that it fixes or makes visible.
    """
    wanting = [(finding, finding.command) for finding in findings if finding.command is not None]
    remedies: dict[str, list[Finding]] = {}
    for finding, command in wanting:
        lines = set(command.splitlines())
        whole = next((other for _, other in wanting if lines < set(other.splitlines())), command)
        remedies.setdefault(whole, []).append(finding)
    return [(mended, command) for command, mended in remedies.items()]
