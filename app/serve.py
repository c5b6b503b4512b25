"""`condenser serve`."""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import sys
from collections.abc import Sequence

import typer

from app import __version__
from app.engine.embedded import EmbeddedConfig
from app.engine.engine import Engine
from app.engine.startup import choose_engine, embedded_config
from app.main import create_app
from app.ops.exits import FAILED, USAGE, CommandError
from app.server import DrainingServer
from app.settings import PREFIX, Settings, describe, secret_names
from app.telemetry.logs import configure_logs, logger
from app.transport import bounded_protocol
from app.workers.worker import Worker

_GC_THRESHOLDS = 10_000, 20, 20
"""Of each generation. Python's default of 700 new objects collects several times while a text is read, for nothing."""

_GREETING_TEXT = (
    "Good morning everybody, and thank you for coming in spite of the rain. The bridge in Turku stays closed until "
    "12 May, because the new bearings came late and two of them did not fit. We know that this is annoying, and we "
    "would have liked to have better news for all of you, believe us. Buses leave from pier 7 every 20 minutes."
)


def serve(settings: Settings) -> None:
    """Run the service until a signal stops it. Raises CommandError if it can't start."""
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
    """Serve on these sockets until a signal stops it; `greets`: write the greeting for the operator."""
    scheme = "https" if settings.tls_cert else "http"

    def on_engine_taken(engine: Engine) -> None:
        # Objects that exist now stay for good, so collections need not scan them while requests wait.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        if greets:
            _greet(listeners[0], engine, scheme, settings.workers)

    app = create_app(settings, on_engine_taken, worker)
    # With Python's default of 5 ms, each thread that works on a text delays the event loop by that much per turn.
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
    """Remove keys from the environment, so that child processes do not inherit them."""
    for name in secret_names():
        os.environ.pop(PREFIX + name.upper(), None)


def _check_certificate(settings: Settings) -> None:
    """Raise CommandError if the TLS certificate or its key can't be used."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert, settings.tls_key, password=lambda: ""
        )
    except (OSError, ValueError) as error:
        files = f"{PREFIX}TLS_CERT={settings.tls_cert} and {PREFIX}TLS_KEY={settings.tls_key}"
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{files} can't be used: {reason}", USAGE) from None


def _with_engine(settings: Settings) -> Settings:
    """The settings with the engine chosen. A missing model ends the command with one sentence."""
    name = asyncio.run(choose_engine(settings))
    if name == "embedded":
        _embedded_config(settings)
    return settings.model_copy(update={"engine": name})


def _embedded_config(settings: Settings) -> EmbeddedConfig:
    try:
        return embedded_config(settings)
    except FileNotFoundError as error:
        raise CommandError(str(error), FAILED) from None


def _listen(settings: Settings) -> list[list[socket.socket]]:
    """The listening sockets of each worker, opened first of all, so that a port in use is reported at once."""
    ports = [settings.port] if settings.metrics_port is None else [settings.port, settings.metrics_port]
    first = [_bound(settings.host, port) for port in ports]
    if settings.workers == 1:
        return [first]
    # With a shared port, binding succeeds even if it is in use; so the first socket checks that it is free.
    ports = [listener.getsockname()[1] for listener in first]
    for listener in first:
        listener.close()
    return [[_bound(settings.host, port, is_shared=True) for port in ports] for _ in range(settings.workers)]


def _bound(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A listening socket. If `is_shared`, the kernel distributes the port's connections over all such sockets."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=is_shared)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"can't listen on {host}:{port} ({PREFIX}HOST, {PREFIX}PORT): {reason}", FAILED) from None


def _greet(listener: socket.socket, engine: Engine, scheme: str, workers: int) -> None:
    logger.info(
        "engine taken",
        extra={
            "engine": engine.name,
            "model": engine.default_model,
            "engine_url": engine.url,
            "num_ctx": engine.num_ctx,
            "max_concurrency": engine.queue.max_concurrency,
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
    known = {name for name, _, _ in describe()} | {f"{PREFIX}URL", f"{PREFIX}API_KEY"}  # for the other commands
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(f"{PREFIX}TEST_"):
            _say(f"condenser: {name} is not a setting of this version")


def _say(text: str) -> None:
    """Write to standard error, if possible: a full disk behind it must not stop the service."""
    with contextlib.suppress(OSError):
        typer.echo(text, err=True)
