"""Facts derived from the observations that several checks need. Pure functions."""

import re
from typing import Any

from app.engine.ollama_answers import ProcessModel
from app.engine.status import canonical
from app.ops.doctor.observations import Answers, Gpu, Installed, Observations, StartedBy
from app.ops.doctor.ollama_log import LogFacts, read_log

# Vulkan is in the official builds since 0.12.11, off by default; since 0.30.0 it is on if its backend is
# installed (ollama, envconfig/config.go, EnableVulkan).
VULKAN_IN_BUILDS = (0, 12, 11)
VULKAN_BY_DEFAULT = (0, 30, 0)

# Ollama's own default since 0.10 (envconfig/config.go).
_DEFAULTS = {"OLLAMA_NUM_PARALLEL": "1"}

# Bytes per value in the K/V cache (llama.cpp's block sizes over the values in a block).
_KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

GIB = 2**30


def gib(size: float) -> str:
    """A size in bytes, formatted for people."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 2**20:.0f} MiB"


def version_of(observations: Observations) -> tuple[int, int, int] | None:
    """Ollama's version; None if no server answers, and for a build without a version (0.0.0)."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", (observations.answers and observations.answers.version) or "")
    version = (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)
    return None if version == (0, 0, 0) else version


def log_facts(observations: Observations) -> LogFacts:
    """The facts in the log if it belongs to the server that answers at the configured port; else no facts."""
    facts = read_log(observations.log.lines)
    port = re.search(r":(\d+)(?:/|$)", observations.configured.ollama_url.split("://", 1)[-1])
    if facts.port is not None and port and facts.port != int(port[1]):
        return LogFacts()
    return facts


def server_variable(observations: Observations, name: str) -> str | None:
    """The value of an environment variable in the running server; None if unknown.

    From the process's own environment, else from the log of its start, else from systemd's unit.
    """
    server, unit = observations.server, observations.unit
    if server is not None and server.environment is not None:
        return server.environment.get(name) or _DEFAULTS.get(name, "")
    logged = log_facts(observations).variable(name)
    if logged is not None:
        return logged
    if unit is not None and unit.active_state == "active" and not unit.needs_reload:
        return unit.environment.get(name) or _DEFAULTS.get(name, "")
    return None


def has_vulkan_on(observations: Observations) -> bool | None:
    """Whether the server looks for GPUs through Vulkan; None if unknown."""
    value = server_variable(observations, "OLLAMA_VULKAN")
    if value:
        # Go's strconv.ParseBool; any other value counts as true (envconfig.BoolWithDefault).
        return value.strip("\"'").lower() not in ("0", "f", "false")
    version = version_of(observations)
    if value is None or version is None:
        return None
    return version >= VULKAN_BY_DEFAULT


def installed_model(observations: Observations) -> Installed | None:
    """The configured model among those that Ollama has."""
    models = observations.answers.installed if observations.answers else ()
    return next((model for model in models if canonical(model.name) == canonical(observations.configured.model)), None)


def loaded_before(observations: Observations) -> ProcessModel | None:
    """The configured model as it was in memory before the doctor's own call."""
    return _loaded(observations, observations.answers.loaded if observations.answers else ())


def loaded_model(observations: Observations) -> ProcessModel | None:
    """The configured model as it is in memory now."""
    after = _loaded(observations, observations.answers.loaded_after_call if observations.answers else ())
    return after or loaded_before(observations)


def _loaded(observations: Observations, models: tuple[ProcessModel, ...]) -> ProcessModel | None:
    return next((model for model in models if canonical(model.name) == canonical(observations.configured.model)), None)


def is_on_cpu(observations: Observations) -> bool:
    """Whether the model, or all of Ollama if no model is loaded, is known to run on the CPU only."""
    model = loaded_model(observations)
    if model is not None:
        return model.gpu_ratio == 0
    devices = log_facts(observations).devices
    return bool(devices) and all(device.library == "cpu" for device in devices)


def gpu_libraries(observations: Observations) -> set[str]:
    """The libraries through which Ollama found GPUs, in lower case, according to its log."""
    return {device.library.lower() for device in log_facts(observations).devices} - {"cpu"}


def amd_gpus(observations: Observations) -> tuple[Gpu, ...]:
    """The machine's AMD GPUs."""
    return tuple(gpu for gpu in observations.host.gpus if gpu.vendor == "AMD")


def gpu_name(gpu: Gpu) -> str:
    """A GPU's description for people: vendor, name or target, memory."""
    name = " ".join(part for part in (gpu.vendor, gpu.name, gpu.gfx) if part)
    return f"{name}, {gib(gpu.memory_total)}" if gpu.memory_total else name


def server_user(observations: Observations) -> str:
    """The user that Ollama runs as: from the process, else from the unit, else the installer's default."""
    if observations.server is not None:
        return observations.server.user
    return (observations.unit and observations.unit.user) or "ollama"


def kv_bytes_per_token(observations: Observations) -> float | None:
    """Bytes in the K/V cache per token of context; None if the model does not report its dimensions.

    Layers times the width of the K and V heads times the bytes per value (llama.cpp, llama_kv_cache).
    """
    info = observations.answers.model_info if observations.answers else {}
    architecture = info.get("general.architecture")

    def number(key: str) -> int | None:
        value: Any = info.get(f"{architecture}.{key}")
        return value if isinstance(value, int) and value > 0 else None

    layers, heads, kv_heads = number("block_count"), number("attention.head_count"), number("attention.head_count_kv")
    width = number("embedding_length")
    if not layers or not kv_heads or not heads or not width:
        return None
    key = number("attention.key_length") or width // heads
    value = number("attention.value_length") or width // heads
    kind = server_variable(observations, "OLLAMA_KV_CACHE_TYPE") or "f16"
    return layers * kv_heads * (key + value) * _KV_BYTES.get(kind, 2.0)


def trained_context(observations: Observations) -> int | None:
    """The longest context that the model supports, in tokens."""
    info = observations.answers.model_info if observations.answers else {}
    value = info.get(f"{info.get('general.architecture')}.context_length")
    return value if isinstance(value, int) else None


def slots(observations: Observations) -> int | None:
    """Calls that Ollama runs at once for the model; None if unknown."""
    value = server_variable(observations, "OLLAMA_NUM_PARALLEL")
    if value and value.isdigit():
        return max(int(value), 1)
    return log_facts(observations).parallel


def started_by(observations: Observations) -> StartedBy:
    """What starts the server, or would start it."""
    if observations.server is not None:
        return observations.server.started_by
    return "systemd" if observations.unit is not None else "hand"


def answering(observations: Observations) -> Answers | None:
    """Ollama's answers, if it is the engine and it answers."""
    answers = observations.answers
    return answers if answers is not None and answers.problem is None else None


def others_on_gpu(observations: Observations) -> int:
    """GPU memory in bytes that programs other than Ollama hold; 0 if unknown."""
    answers, gpus = answering(observations), observations.host.gpus
    if answers is None or len(gpus) != 1:
        return 0
    own = sum(model.size_vram for model in answers.loaded_after_call or answers.loaded)
    other = gpus[0].memory_used - own
    # A smaller amount may be Ollama's own compute buffers, which /api/ps need not count.
    return other if other > GIB else 0
