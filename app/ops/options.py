"""Options that several commands share, and the body of `/compress` made from them."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from app.ops.exits import USAGE, CommandError

# The same values as in the API, whose modules would take a second to import.
Method = Literal["auto", "abstractive", "extractive"]
Fidelity = Literal["exact", "semantic"]
Mode = Literal["auto", "exact", "semantic"]
Operation = Literal["compress", "reconstruct"]

EXIT_CODES = (
    "Exit codes: 0 success, 1 the service refused or failed, 2 wrong usage or input, 3 no service answers, "
    "4 some items of a batch failed, 130 interrupted."
)


def epilog(*examples: str, codes: str = EXIT_CODES) -> str:
    """The end of a command's help: examples, one per line, and the exit codes."""
    lines = "\n".join(f"  {example}" for example in examples)
    # Click keeps the lines of a paragraph that begins with \b.
    return f"\b\nExamples:\n{lines}\n\n{codes}"


def _content_types(incomplete: str) -> list[str]:
    from app.text.kinds import known_types

    return [name for name in known_types() if name.startswith(incomplete)]


SourceArgument = Annotated[
    str | None,
    typer.Argument(
        help="Folder of texts, or file of JSON lines: texts or bodies; omitted, or -: lines on standard input.",
        metavar="SOURCE",
    ),
]
OperationOption = Annotated[Operation, typer.Option("--operation")]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", "-u", envvar="CONDENSER_URL", help="Address of the service; omitted: this machine, CONDENSER_PORT."
    ),
]
KeyOption = Annotated[
    str | None, typer.Option("--api-key", envvar="CONDENSER_API_KEY", help="API key, if the service requires one.")
]
LocalOption = Annotated[
    bool,
    typer.Option(
        "--local",
        "-l",
        help="Use no service: run the engine inside this command, Ollama if it answers, else the embedded model. "
        "CONDENSER_ENGINE and the other settings of `condenser serve` apply.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", "-j", help="Write the whole answer as JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Write no figures and no progress, only errors.")]
RatioOption = Annotated[
    float | None,
    typer.Option("--target-ratio", "-r", help="Target tokens of the result over the text's.", min=0.01, max=1),
]
CoverageOption = Annotated[
    float | None,
    typer.Option(
        "--coverage", "-c", help="Share of the text's worth to keep, above 0; not with --target-ratio.", min=0, max=1
    ),
]
MethodOption = Annotated[
    Method,
    typer.Option("--method", "-M", help="abstractive: the model's sentences only; extractive: no model call."),
]
QuestionOption = Annotated[
    str | None, typer.Option("--question", "-Q", help="Keep what helps to answer this question.", metavar="QUESTION")
]
MustKeepOption = Annotated[
    list[str] | None,
    typer.Option("--must-keep", "-k", help="String to keep verbatim; may be repeated.", metavar="STRING"),
]
ContentTypeOption = Annotated[
    str | None,
    typer.Option(
        "--content-type",
        "-t",
        help="What the text is: json, csv, python, text/html ...; omitted: the service detects it.",
        autocompletion=_content_types,
        metavar="TYPE",
    ),
]
FidelityOption = Annotated[
    Fidelity, typer.Option("--fidelity", "-f", help="semantic: a smaller capsule without the source.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Model to use; omitted: the service's default.", metavar="MODEL")
]


def compress_body(
    target_ratio: float | None,
    coverage: float | None,
    method: Method,
    question: str | None,
    must_keep: Sequence[str] | None,
    content_type: str | None,
    fidelity: Fidelity,
    model: str | None,
) -> dict[str, object]:
    """The fields of a body of `/compress` beside its text. Raises CommandError."""
    if target_ratio is not None and coverage is not None:
        raise CommandError("--target-ratio and --coverage can't be given together", USAGE)
    if coverage == 0:
        raise CommandError("--coverage must be above 0", USAGE)
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
