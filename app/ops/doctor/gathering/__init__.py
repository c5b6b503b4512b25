"""Observes everything that the configured engine depends on."""

import asyncio
import ipaddress
import os
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from app.ops.doctor.gathering.engines import ask, look_at_embedded, look_at_openai, look_at_service
from app.ops.doctor.gathering.host import look_at_host
from app.ops.doctor.gathering.server import find_server, look_at_log, look_at_unit
from app.ops.doctor.observations import AUTO, Answers, BlindSpot, Configured, Log, Observations
from app.settings import Settings


def gather(settings: Settings, *, with_call: bool, timeout_s: float) -> Observations:
    """Observe the engine that `settings` name; `with_call`: make a real completion of at most `timeout_s` seconds."""
    settings, is_adopted = _with_engine_of_service(settings, timeout_s)
    if settings.engine == "openai":
        return Observations(
            _configured(settings),
            _command(),
            openai=asyncio.run(look_at_openai(settings, with_call, timeout_s)),
            service=look_at_service(settings, with_call=False, timeout_s=timeout_s),
        )
    first, *further = settings.upstream_urls
    answers: Answers | None = None
    others: tuple[tuple[str, Answers], ...] = ()
    if settings.engine != "embedded":
        answers = asyncio.run(ask(settings, first, with_call=with_call, timeout_s=timeout_s))
        others = tuple((url, asyncio.run(ask(settings, url, with_call=False, timeout_s=timeout_s))) for url in further)
    takes_embedded = settings.engine == "embedded" or (settings.engine == "auto" and not (answers and answers.version))
    seen = Observations(
        replace(_configured(settings), engine_is_the_services=is_adopted),
        _command(),
        os.geteuid() == 0,
        answers,
        others,
        embedded=look_at_embedded(settings) if takes_embedded else None,
        service=look_at_service(settings, with_call=with_call and takes_embedded, timeout_s=timeout_s),
    )
    if answers is None or not seen.configured.url_is_local:
        return replace(seen, host=look_at_host(None))
    return _with_machine(seen, settings, answers)


def _with_engine_of_service(settings: Settings, timeout_s: float) -> tuple[Settings, bool]:
    """If the settings name no engine and a healthy service runs on the embedded one: settings for it, and True."""
    if "engine" not in settings.model_fields_set:
        service = look_at_service(settings, with_call=False, timeout_s=timeout_s)
        if service.engine == "embedded" and service.problem is None:
            return settings.model_copy(update={"engine": "embedded"}), True
    return settings, False


def _with_machine(seen: Observations, settings: Settings, answers: Answers) -> Observations:
    unit, unread_files = look_at_unit()
    server, unread_process = find_server(_port(settings.upstream_urls[0]), unit.main_pid if unit else 0)
    log, unread_log = look_at_log(unit, server)
    blind_spots: tuple[BlindSpot, ...] = (*unread_log, *unread_process, *unread_files)
    if answers.version is None and server is None and unit is None:
        log, blind_spots = Log(), ()
    return replace(seen, unit=unit, server=server, log=log, host=look_at_host(server), blind_spots=blind_spots)


def _configured(settings: Settings) -> Configured:
    return Configured(
        engine=settings.engine,
        ollama_url=settings.upstream_urls[0],
        url_is_local=_is_local(urlsplit(settings.upstream_urls[0]).hostname or ""),
        model=settings.model,
        num_ctx=settings.num_ctx,
        max_concurrency=AUTO if settings.max_concurrency == "auto" else settings.max_concurrency,
        keep_alive=settings.keep_alive,
    )


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_local(host: str) -> bool:
    """Whether `host` is an address of this machine: only those can be bound to."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        if ipaddress.ip_address(address[0]).is_loopback:
            return True
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


def _command() -> str:
    path = shutil.which(sys.argv[0])
    return str(Path(path).absolute()) if path else "condenser"
