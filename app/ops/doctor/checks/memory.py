"""Do the model and its contexts fit into memory?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import gib, installed_model, is_on_cpu, kv_bytes_per_token, slots

# What a 7B model's compute buffers and the driver take beside weights and K/V cache; Ollama itself leaves 457 MiB
# of each GPU free (ml/device.go, MinimumMemory) and some hundred MiB go to the graph.
_RESERVE_BYTES = 1024 * 2**20


def slots_that_fit(seen: Observations) -> int | None:
    """How many slots of our context fit beside the weights; None where sizes are not known."""
    room, model, per_token = _room(seen), installed_model(seen), kv_bytes_per_token(seen)
    if not room or model is None or not model.size or per_token is None:
        return None
    return max(0, int((room - _RESERVE_BYTES - model.size) // (per_token * seen.wanted.num_ctx)))


def _room(seen: Observations) -> int:
    if not seen.wanted.url_is_local:
        return 0
    if seen.host.gpus and not (is_on_cpu(seen) and not _gpu_memory(seen)):
        return _gpu_memory(seen)
    return seen.host.memory_total


def _gpu_memory(seen: Observations) -> int:
    return max((gpu.memory_total for gpu in seen.host.gpus), default=0)


def check_memory(seen: Observations) -> Finding | None:
    """Weights plus one K/V cache for each slot, against the GPU's memory, or the machine's where there is no GPU."""
    model, per_token, room = installed_model(seen), kv_bytes_per_token(seen), _room(seen)
    if seen.answers is None or seen.answers.problem is not None or model is None or per_token is None or not room:
        return None
    count = slots(seen) or seen.wanted.max_concurrency
    cache = per_token * seen.wanted.num_ctx * count
    place = "GPU" if seen.host.gpus else "main"
    need = f"{gib(model.size)} weights + {gib(cache)} for {count} × {seen.wanted.num_ctx} tokens"
    fitting = slots_that_fit(seen) or 0
    if count <= fitting:
        more = f"; {fitting} such slots fit" if fitting <= 4 * count else ""
        return Finding("memory", "ok", f"{need}, of {gib(room)} {place} memory{more}.")
    if fitting:
        return Finding(
            "memory",
            "warn",
            f"{need} leave too little of {gib(room)} {place} memory; {fitting} such slots fit.",
            details=("What does not fit runs on the CPU.",) if seen.host.gpus else (),
        )
    shorter = max(512, seen.wanted.num_ctx // 2)
    return Finding(
        "memory",
        "warn",
        f"{need} do not fit into {gib(room)} {place} memory, not even one slot does.",
        commands.our_setting("CONDENSER_NUM_CTX", shorter),
        ("Or take a smaller model (CONDENSER_MODEL).",),
    )
