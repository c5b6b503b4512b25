"""Does Ollama answer, and has it the model?"""

from app.engine.status import canonical, other_tags
from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import VULKAN_IN_BUILDS, answering, gib, installed_model, log_facts, version_of


def check_engine(seen: Observations) -> Finding | None:
    """Which engine `auto` takes, or the running service has."""
    if seen.wanted.engine_is_the_services and seen.service is not None:
        sentence = f"CONDENSER_ENGINE is not set here; the service at {seen.service.url} runs on the embedded engine."
        return Finding("engine", "ok", sentence)
    if seen.wanted.engine != "auto" or seen.answers is None:
        return None
    if seen.embedded is None:
        return Finding(
            "engine", "ok", f"CONDENSER_ENGINE=auto takes Ollama, which answers at {seen.wanted.ollama_url}."
        )
    return Finding(
        "engine",
        "ok",
        f"CONDENSER_ENGINE=auto takes the embedded engine: no Ollama at {seen.wanted.ollama_url}.",
        details=(f"Ollama: {seen.answers.problem}.",),
    )


def check_reachable(seen: Observations) -> Finding | None:
    """Does Ollama answer at the address of the settings, and in which version?"""
    answers, url = seen.answers, seen.wanted.ollama_url
    if answers is None or seen.embedded is not None:
        return None
    if answers.timed_out:
        return Finding(
            "ollama",
            "fail",
            f"{url} takes connections but does not answer: {answers.problem}.",
            commands.restart(seen) if seen.wanted.url_is_local else None,
            ("It may be loading a model from a slow disk, or hang in a GPU driver; its log says which.",),
        )
    if answers.problem is not None:
        return Finding("ollama", "fail", f"No Ollama at {url}: {answers.problem}.", _start(seen), _where(seen))
    known = f"Version {answers.version} answers at {url}."
    version = version_of(seen)
    is_ollama = not (answers.version or "").endswith("-condenser")  # the embedded engine has a version of its own
    if is_ollama and version is not None and version < VULKAN_IN_BUILDS:
        return Finding("ollama", "warn", f"{known} It is old: Vulkan came with 0.12.11.", commands.INSTALL)
    how = {"systemd": "run by systemd", "container": "in a container", "hand": "started by hand"}
    if seen.server is None:
        return Finding("ollama", "ok", known)
    return Finding("ollama", "ok", f"{known[:-1]}, {how[seen.server.started_by]} as user {seen.server.user}.")


def _start(seen: Observations) -> str | None:
    if not seen.wanted.url_is_local:
        return f"curl {seen.wanted.ollama_url}/api/version"
    if seen.unit is not None and seen.unit.active_state == "active":
        return commands.our_setting("CONDENSER_OLLAMA_URL", "http://127.0.0.1:11434")
    if seen.unit is not None and seen.unit.active_state == "failed":
        return "sudo journalctl -u ollama -n 50 --no-pager\nsudo systemctl restart ollama"
    if seen.unit is not None:
        return "sudo systemctl enable --now ollama"
    return "ollama serve" if seen.host.ollama_binary else commands.INSTALL


def _where(seen: Observations) -> tuple[str, ...]:
    if not seen.wanted.url_is_local:
        return ("That is another machine: is it up, and does its Ollama listen there (OLLAMA_HOST=0.0.0.0)?",)
    if seen.unit is not None and seen.unit.active_state == "active":
        return ("systemd says that Ollama runs, so it listens elsewhere: see OLLAMA_HOST among its drop-ins.",)
    if seen.unit is not None:
        words = log_facts(seen).last_error
        said = (f"Its log ends with: {words}",) if words else ()
        return (f"systemd has ollama.service, but it is {seen.unit.active_state}.", *said)
    if seen.host.ollama_binary is None:
        return ("Ollama is not installed here. Without it: CONDENSER_ENGINE=embedded.",)
    return ()


def check_model(seen: Observations) -> Finding | None:
    """Has Ollama the model that requests are sent to?"""
    if (answers := answering(seen)) is None:
        return None
    found = installed_model(seen)
    if found is not None:
        return Finding("model", "ok", f"{seen.wanted.model} is installed, {gib(found.size)}.")
    same = other_tags(seen.wanted.model, [model.name for model in answers.installed])
    if same:
        told = f"Ollama has no {canonical(seen.wanted.model)} (CONDENSER_MODEL), but {', '.join(same)}."
        return Finding("model", "fail", told, commands.our_setting("CONDENSER_MODEL", same[0]))
    others = ", ".join(model.name for model in answers.installed[:5])
    has = f"It has {others}." if others else "It has no model at all."
    pull = f"ollama pull {seen.wanted.model}"
    if not seen.wanted.url_is_local:
        pull = f"OLLAMA_HOST={seen.wanted.ollama_url} {pull}"
    return Finding(
        "model",
        "fail",
        f"Ollama has no {seen.wanted.model} (CONDENSER_MODEL). {has}",
        pull,
    )


def check_others(seen: Observations) -> Finding | None:
    """Do the further Ollamas answer, and have they the model?"""
    if not seen.others:
        return None
    wanted = canonical(seen.wanted.model)
    faults: list[tuple[str, str]] = []
    for url, answers in seen.others:
        if answers.problem is not None:
            faults.append((f"{url}: {answers.problem}.", f"curl {url}/api/version"))
        elif wanted not in {canonical(model.name) for model in answers.installed}:
            faults.append((f"{url} has no {seen.wanted.model}.", f"OLLAMA_HOST={url} ollama pull {seen.wanted.model}"))
    if not faults:
        told = f"All {len(seen.others)} further ones of CONDENSER_OLLAMA_URLS answer and have the model."
        return Finding("others", "ok", told)
    told = f"{len(faults)} of {len(seen.others)} further ones of CONDENSER_OLLAMA_URLS can't serve: the rest must do."
    details, commands_to_run = zip(*faults, strict=True)
    return Finding("others", "warn", told, "\n".join(commands_to_run), tuple(details))


def check_elsewhere(seen: Observations) -> Finding | None:
    """Is Ollama on another machine, whose drivers and log can't be seen from here?"""
    if answering(seen) is None or seen.wanted.url_is_local:
        return None
    return Finding(
        "machine",
        "unknown",
        "Ollama is on another machine: its GPU, drivers, systemd and log are not seen from here.",
        "condenser doctor  # on that machine",
    )
