"""Does Ollama answer, and does it have the model?"""

from app.engine.status import canonical, other_tags
from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import VULKAN_IN_BUILDS, answering, gib, installed_model, log_facts, version_of


def check_engine(seen: Observations) -> Finding | None:
    """Which engine `auto` chooses, or which one the running service has."""
    if seen.configured.engine_is_the_services and seen.service is not None:
        sentence = f"CONDENSER_ENGINE is not set here; the service at {seen.service.url} runs on the embedded engine."
        return Finding("engine", "ok", sentence)
    if seen.configured.engine != "auto" or seen.answers is None:
        return None
    if seen.embedded is None:
        return Finding(
            "engine", "ok", f"CONDENSER_ENGINE=auto uses Ollama, which answers at {seen.configured.ollama_url}."
        )
    return Finding(
        "engine",
        "ok",
        f"CONDENSER_ENGINE=auto uses the embedded engine: no Ollama at {seen.configured.ollama_url}.",
        details=(f"Ollama: {seen.answers.problem}.",),
    )


def check_reachable(seen: Observations) -> Finding | None:
    """Does Ollama answer at the configured address, and which version is it?"""
    answers, url = seen.answers, seen.configured.ollama_url
    if answers is None or seen.embedded is not None:
        return None
    if answers.timed_out:
        return Finding(
            "ollama",
            "fail",
            f"{url} accepts connections but does not answer: {answers.problem}.",
            commands.restart(seen) if seen.configured.url_is_local else None,
            ("It may be loading a model from a slow disk, or be stuck in a GPU driver; its log shows which.",),
        )
    if answers.problem is not None:
        return Finding("ollama", "fail", f"No Ollama at {url}: {answers.problem}.", _start(seen), _where(seen))
    known = f"Version {answers.version} answers at {url}."
    version = version_of(seen)
    is_ollama = not (answers.version or "").endswith("-condenser")  # the embedded engine has a version of its own
    if is_ollama and version is not None and version < VULKAN_IN_BUILDS:
        return Finding("ollama", "warn", f"{known} It is old: Vulkan needs 0.12.11 or later.", commands.INSTALL)
    how = {"systemd": "run by systemd", "container": "in a container", "hand": "started by hand"}
    if seen.server is None:
        return Finding("ollama", "ok", known)
    return Finding("ollama", "ok", f"{known[:-1]}, {how[seen.server.started_by]} as user {seen.server.user}.")


def _start(seen: Observations) -> str | None:
    if not seen.configured.url_is_local:
        return f"curl {seen.configured.ollama_url}/api/version"
    if seen.unit is not None and seen.unit.active_state == "active":
        return commands.our_setting("CONDENSER_OLLAMA_URL", "http://127.0.0.1:11434")
    if seen.unit is not None and seen.unit.active_state == "failed":
        return "sudo journalctl -u ollama -n 50 --no-pager\nsudo systemctl restart ollama"
    if seen.unit is not None:
        return "sudo systemctl enable --now ollama"
    return "ollama serve" if seen.host.ollama_binary else commands.INSTALL


def _where(seen: Observations) -> tuple[str, ...]:
    if not seen.configured.url_is_local:
        return ("That is another machine: is it up, and does its Ollama listen there (OLLAMA_HOST=0.0.0.0)?",)
    if seen.unit is not None and seen.unit.active_state == "active":
        return ("systemd says that Ollama runs, so it listens elsewhere: see OLLAMA_HOST among its drop-ins.",)
    if seen.unit is not None:
        words = log_facts(seen).last_error
        log_end = (f"Its log ends with: {words}",) if words else ()
        return (f"systemd has ollama.service, but it is {seen.unit.active_state}.", *log_end)
    if seen.host.ollama_binary is None:
        return ("Ollama is not installed here. Without it: CONDENSER_ENGINE=embedded.",)
    return ()


def check_model(seen: Observations) -> Finding | None:
    """Does Ollama have the configured model?"""
    if (answers := answering(seen)) is None:
        return None
    installed = installed_model(seen)
    if installed is not None:
        return Finding("model", "ok", f"{seen.configured.model} is installed, {gib(installed.size)}.")
    same = other_tags(seen.configured.model, [model.name for model in answers.installed])
    if same:
        sentence = f"Ollama has no {canonical(seen.configured.model)} (CONDENSER_MODEL), but {', '.join(same)}."
        return Finding("model", "fail", sentence, commands.our_setting("CONDENSER_MODEL", same[0]))
    others = ", ".join(model.name for model in answers.installed[:5])
    has = f"It has {others}." if others else "It has no model at all."
    pull = f"ollama pull {seen.configured.model}"
    if not seen.configured.url_is_local:
        pull = f"OLLAMA_HOST={seen.configured.ollama_url} {pull}"
    return Finding(
        "model",
        "fail",
        f"Ollama has no {seen.configured.model} (CONDENSER_MODEL). {has}",
        pull,
    )


def check_others(seen: Observations) -> Finding | None:
    """Do the further Ollama servers answer, and do they have the model?"""
    if not seen.others:
        return None
    name = canonical(seen.configured.model)
    faults: list[tuple[str, str]] = []
    for url, answers in seen.others:
        if answers.problem is not None:
            faults.append((f"{url}: {answers.problem}.", f"curl {url}/api/version"))
        elif name not in {canonical(model.name) for model in answers.installed}:
            faults.append(
                (f"{url} has no {seen.configured.model}.", f"OLLAMA_HOST={url} ollama pull {seen.configured.model}")
            )
    if not faults:
        sentence = f"All {len(seen.others)} further servers of CONDENSER_OLLAMA_URLS answer and have the model."
        return Finding("others", "ok", sentence)
    sentence = (
        f"{len(faults)} of {len(seen.others)} servers of CONDENSER_OLLAMA_URLS can't serve; the rest take their calls."
    )
    details, commands_to_run = zip(*faults, strict=True)
    return Finding("others", "warn", sentence, "\n".join(commands_to_run), tuple(details))


def check_elsewhere(seen: Observations) -> Finding | None:
    """Is Ollama on another machine, whose drivers and log can't be observed from here?"""
    if answering(seen) is None or seen.configured.url_is_local:
        return None
    return Finding(
        "machine",
        "unknown",
        "Ollama is on another machine: its GPU, drivers, systemd and log can't be checked from here.",
        "condenser doctor  # on that machine",
    )
