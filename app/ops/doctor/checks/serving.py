"""Do Ollama's memory, context window, slots and variables match our settings, and is it fast enough?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import AUTO, Observations
from app.ops.doctor.reading import (
    answering,
    gib,
    installed_model,
    kv_bytes_per_token,
    loaded_before,
    others_on_gpu,
    slots,
    started_by,
    trained_context,
)

# Memory of compute buffers and the driver, besides weights and K/V cache: Ollama leaves 457 MiB of each GPU free
# (ml/device.go, MinimumMemory), and the graph of a 7B model takes some hundred MiB.
_RESERVE_BYTES = 1024 * 2**20


def slots_that_fit(seen: Observations) -> int | None:
    """How many slots with our context window fit beside the weights; None if sizes are unknown."""
    room, model, per_token = _room(seen), installed_model(seen), kv_bytes_per_token(seen)
    if not room or model is None or not model.size or per_token is None:
        return None
    return max(0, int((room - _RESERVE_BYTES - model.size) // (per_token * seen.configured.num_ctx)))


def fits(seen: Observations, num_ctx: int, num_parallel: int) -> bool:
    """Whether that many slots with `num_ctx` tokens each fit; true if sizes are unknown."""
    fitting = slots_that_fit(seen)
    return fitting is None or num_ctx * num_parallel <= fitting * seen.configured.num_ctx


def _room(seen: Observations) -> int:
    """Memory for Ollama in bytes: the largest GPU's minus other programs' share, else the machine's; 0 if unknown."""
    if not seen.configured.url_is_local:
        return 0
    if seen.host.gpus:
        return max(gpu.memory_total for gpu in seen.host.gpus) - others_on_gpu(seen)
    return seen.host.memory_total


def check_memory(seen: Observations) -> Finding | None:
    """Do the weights plus one K/V cache per slot fit into the memory for them?"""
    model, per_token, fitting = installed_model(seen), kv_bytes_per_token(seen), slots_that_fit(seen)
    if answering(seen) is None or model is None or per_token is None or fitting is None:
        return None
    count = slots(seen) or seen.configured.max_concurrency or 1
    cache = per_token * seen.configured.num_ctx * count
    need = f"{gib(model.size)} weights + {gib(cache)} for {count} × {seen.configured.num_ctx} tokens"
    others = others_on_gpu(seen)
    room = f"{gib(_room(seen) + others)} {'GPU' if seen.host.gpus else 'main'} memory"
    if others:
        room += f", of which other programs hold {gib(others)}"
    if count <= fitting:
        more = f"; {fitting} such slots fit" if fitting <= 4 * count else ""
        return Finding("memory", "ok", f"{need}, of {room}{more}.")
    what = f"only {fitting} such slots fit" if fitting else "that does not fit"
    return Finding("memory", "warn", f"{need}, of {room}: {what}.", _less(seen, fitting))


def _less(seen: Observations, fitting: int) -> str | None:
    if others_on_gpu(seen):
        return f"sudo fuser -v {' '.join(node.path for node in seen.host.nodes)}  # who else uses the GPU"
    if fitting:
        return commands.parallel(seen, fitting)
    if seen.configured.model.startswith("qwen2.5:7b"):
        return f"ollama pull qwen2.5:3b-instruct\n{commands.our_setting('CONDENSER_MODEL', 'qwen2.5:3b-instruct')}"
    return commands.our_setting("CONDENSER_NUM_CTX", max(512, seen.configured.num_ctx // 2))


# Families that Ollama runs one call at a time whatever OLLAMA_NUM_PARALLEL says (ollama, server/sched.go, load).
_SINGLE_SLOT = {
    "mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe", "nemotron_h",
    "nemotron_h_moe", "nemotron_h_omni",
}  # fmt: skip

_LOAD_S = 1.0  # time until a call has its model: a loaded model is available sooner, even on a busy machine


def check_context(seen: Observations) -> Finding | None:
    """Is the model loaded with our context window, and does it support that size?"""
    if (answers := answering(seen)) is None or not answers.model_info:
        return None
    num_ctx, trained, loaded = seen.configured.num_ctx, trained_context(seen), loaded_before(seen)
    if trained is not None and num_ctx > trained:
        return Finding(
            "context",
            "warn",
            f"CONDENSER_NUM_CTX={num_ctx}, but the model supports {trained} tokens at most.",
            commands.our_setting("CONDENSER_NUM_CTX", trained),
        )
    if loaded is not None and loaded.context_length > num_ctx:
        return Finding(
            "context",
            "ok",
            f"{loaded.context_length} tokens a call, as another program loaded it; CONDENSER_NUM_CTX={num_ctx}.",
        )
    if loaded is not None and 0 < loaded.context_length < num_ctx:
        theirs_fits = fits(seen, loaded.context_length, slots(seen) or 1)
        return Finding(
            "context",
            "warn",
            f"Another program loaded the model with {loaded.context_length} tokens; CONDENSER_NUM_CTX={num_ctx}.",
            commands.our_setting("CONDENSER_NUM_CTX", loaded.context_length) if theirs_fits else None,
            ("Ollama reloads the model whenever the two programs alternate: configure the same size in both.",),
        )
    of = f"; the model supports {trained}" if trained else ""
    return Finding("context", "ok", f"{num_ctx} tokens a call, as set by CONDENSER_NUM_CTX{of}.")


def check_loads(seen: Observations) -> Finding | None:
    """Did Ollama reload the model for our call although it was loaded?"""
    answers, loaded = answering(seen), loaded_before(seen)
    if answers is None or answers.call is None or loaded is None or answers.call.load_s < _LOAD_S:
        return None
    return Finding(
        "loads",
        "warn",
        f"The model was loaded, but Ollama reloaded it for our call, which took {answers.call.load_s:.1f} s.",
        None,
        (
            "Another program calls it with other options (num_ctx, shift, num_gpu ...): each alternation reloads it.",
            "See docs/ollama.md, and condenser_model_loads_total of the service.",
        ),
    )


def check_slots(seen: Observations) -> Finding | None:
    """Does Ollama run as many calls at once as we send?"""
    if (answers := answering(seen)) is None:
        return None
    max_concurrency, has = seen.configured.max_concurrency, slots(seen)
    if max_concurrency == AUTO:
        runs = "how many calls Ollama runs at once" if has is None else f"that Ollama runs {has} calls at once"
        return Finding("slots", "ok", f"CONDENSER_MAX_CONCURRENCY=auto finds {runs} under load.")
    ours = f"CONDENSER_MAX_CONCURRENCY={max_concurrency}"
    if answers.family in _SINGLE_SLOT and max_concurrency > 1:
        sentence = f"Ollama runs models of family {answers.family} one call at a time, but {ours}."
        return Finding("slots", "warn", sentence, commands.our_setting("CONDENSER_MAX_CONCURRENCY", 1))
    if has is None:
        return Finding(
            "slots", "unknown", f"OLLAMA_NUM_PARALLEL can't be seen; it should be {max_concurrency}, as {ours}."
        )
    if has == max_concurrency:
        return Finding("slots", "ok", f"{has} calls at once, matching {ours}.")
    if has > max_concurrency:
        sentence = f"Ollama runs {has} calls at once, but {ours}: some slots stay empty."
        return Finding("slots", "warn", sentence, commands.our_setting("CONDENSER_MAX_CONCURRENCY", has))
    fitting = slots_that_fit(seen)
    reachable = max_concurrency if fitting is None else max(1, min(max_concurrency, fitting))
    if reachable <= has:
        command = commands.our_setting("CONDENSER_MAX_CONCURRENCY", has)
    else:
        command = commands.parallel(seen, reachable)
        if reachable != max_concurrency:
            command += "\n" + commands.our_setting("CONDENSER_MAX_CONCURRENCY", reachable)
    return Finding(
        "slots",
        "warn",
        f"Ollama runs {has} at once (OLLAMA_NUM_PARALLEL), but {ours}: the rest waits inside Ollama.",
        command,
    )


def check_drop_ins(seen: Observations) -> Finding | None:
    """Which variables do systemd's files set for Ollama, do they conflict, and are they in effect?"""
    unit = seen.unit
    if unit is None or started_by(seen) != "systemd":
        return None
    sources: dict[str, list[tuple[str, str]]] = {}
    for file in unit.files:
        for name, value in (file.environment or {}).items():
            sources.setdefault(name, []).append((file.path.rsplit("/", 1)[-1], value))
    for name, set_by in sorted(sources.items()):
        if len({value for _, value in set_by}) > 1:
            values = ", ".join(f"{value} in {file}" for file, value in set_by)
            return Finding(
                "drop-ins",
                "warn",
                f"{name} is set twice: {values}. The last one wins.",
                "systemctl cat ollama\nsudo systemctl edit ollama",
            )
    if unit.needs_reload:
        return Finding("drop-ins", "warn", "Files of ollama.service were changed but not loaded.", commands.RESTART)
    stale = _not_in_effect(seen)
    if stale:
        sentence = f"Set, but the running Ollama was started without it: {', '.join(stale)}."
        return Finding("drop-ins", "warn", sentence, commands.RESTART)
    shown = [f"{name}={set_by[-1][1]}" for name, set_by in sorted(sources.items())]
    names = [file.path.rsplit("/", 1)[-1] for file in unit.files[1:]]
    if not names:
        return Finding(
            "drop-ins", "ok", "ollama.service has none" + (f"; it sets {', '.join(shown)}." if shown else ".")
        )
    return Finding("drop-ins", "ok", f"{', '.join(names)}: {', '.join(shown) or 'no variable of the engine'}.")


def _not_in_effect(seen: Observations) -> list[str]:
    if seen.unit is None or seen.server is None or seen.server.environment is None:
        return []
    running = seen.server.environment
    return [f"{name}={value}" for name, value in seen.unit.environment.items() if running.get(name) != value]


def check_settings(seen: Observations) -> Finding | None:
    """Do our own settings slow Ollama down?"""
    if answering(seen) is None:
        return None
    if seen.configured.keep_alive in ("0", "0s", "0m", "0h", "0ms"):
        return Finding(
            "settings",
            "fail",
            "CONDENSER_KEEP_ALIVE=0: Ollama unloads the model after each call and reloads it for the next.",
            commands.our_setting("CONDENSER_KEEP_ALIVE", "30m"),
        )
    return None


# The criterion: a text is compressed within 2 s. A summary of 1,000 characters has about this many tokens.
_LIMIT_S = 2.0
_SUMMARY_TOKENS = 60


def check_speed(seen: Observations) -> Finding | None:
    """Time to the first token, decode speed, and the estimated time for a text of 1,000 characters."""
    call = seen.answers.call if seen.answers else None
    if call is None:
        return None
    if call.problem is not None:
        return Finding(
            "speed", "fail", f"A real call failed: {call.problem}.", f"{seen.condenser} doctor --timeout-s 300"
        )
    first = max(0.0, call.first_token_s - call.load_s)
    speed = call.tokens_per_second
    takes = first + (_SUMMARY_TOKENS / speed if speed else 0.0)
    loading = f" (loading took {call.load_s:.1f} s more)" if call.load_s > 1 else ""
    sentence = (
        f"First token after {first:.2f} s{loading}, then {speed:.1f} tokens/s: about {takes:.1f} s for 1,000 characters"
    )
    if takes <= _LIMIT_S:
        return Finding("speed", "ok", f"{sentence}.")
    return Finding("speed", "warn", f"{sentence}, over {_LIMIT_S:g} s.")
