"""Which engine serves, does it answer, and does it have the model?"""

import os

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
    is_ollama = not (answers.version or "").endswith("-condenser")  # the version of the embedded engine ends like this
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


def check_openai(seen: Observations) -> Finding | None:
    """Does it complete a prompt with the configured model?"""
    server = seen.openai
    if server is None:
        return None
    if server.problem is None:
        return Finding("openai", "ok", f"{server.url} answers and has {seen.configured.model}.")
    if server.models and seen.configured.model not in server.models:
        mend = commands.our_setting("CONDENSER_MODEL", server.models[0])
        return Finding("openai", "fail", f"{server.url}: {server.problem}.", mend)
    return Finding("openai", "fail", f"{server.url} can't serve: {server.problem}.", f"curl {server.url}/models")


def check_embedded_model(seen: Observations) -> Finding | None:
    """Does the embedded engine's model file exist?"""
    embedded = seen.embedded
    if embedded is None:
        return None
    if embedded.model_bytes is not None:
        return Finding("model", "ok", f"{embedded.model_path}, {gib(embedded.model_bytes)}.")
    return Finding(
        "model", "fail", f"The embedded model is not at {embedded.model_path}.", f"{seen.condenser} fetch-model"
    )


def check_llama_cpp(seen: Observations) -> Finding | None:
    """Does llama.cpp load?"""
    embedded = seen.embedded
    if embedded is None:
        return None
    if embedded.xllamacpp_problem is None:
        return Finding("llama.cpp", "ok", f"xllamacpp {embedded.xllamacpp_version} loads.")
    pip = os.path.join(os.path.dirname(seen.condenser), "python")
    return Finding(
        "llama.cpp",
        "fail",
        f"xllamacpp does not load: {embedded.xllamacpp_problem}.",
        f"{pip} -m pip install --force-reinstall xllamacpp",
    )


def check_embedded_memory(seen: Observations) -> Finding | None:
    """Does the embedded model fit into memory?"""
    embedded = seen.embedded
    if embedded is None or embedded.model_bytes is None or not seen.host.memory_available:
        return None
    free = seen.host.memory_available
    sentence = f"{gib(embedded.model_bytes)} of weights, {gib(free)} of memory are free."
    if embedded.model_bytes < free:
        return Finding("memory", "ok", sentence)
    return Finding("memory", "fail", sentence, "unset CONDENSER_EMBEDDED_MODEL")


def check_service(seen: Observations) -> Finding | None:
    """Does the service run on the embedded engine, and how fast?"""
    service = seen.service
    if seen.embedded is None or service is None:
        return None
    call = service.call
    if service.problem is not None:
        return Finding(
            "speed",
            "unknown",
            f"Not measured: {service.problem} ({service.url}).",
            f"CONDENSER_ENGINE=embedded {seen.condenser} serve",
        )
    if call is None:
        return Finding("service", "ok", f"Runs at {service.url} on the {service.engine} engine.")
    if call.problem is not None:
        return Finding("speed", "fail", f"A real call to {service.url} failed: {call.problem}.")
    return Finding(
        "speed",
        "ok",
        f"{service.url} compresses 1,000 characters in {call.decode_s:.1f} s of engine time "
        f"({call.prompt_tokens} + {call.completion_tokens} tokens).",
    )


def check_warning(seen: Observations) -> Finding | None:
    """Does the service warn of needless loads, or of a model whose sentences are mostly rejected?"""
    service = seen.service
    if service is None or service.warning is None:
        return None
    return Finding("warning", "warn", f"{service.url} warns: {service.warning}.")
