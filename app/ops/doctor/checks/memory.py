"""Do the model and its contexts fit into memory?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import answering, gib, installed_model, kv_bytes_per_token, others_on_gpu, slots

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
