"""The checks: a pure function each, from the observations to a finding, or to None if it does not apply."""

from collections.abc import Callable

from app.ops.doctor.checks import engine, gpu, serving
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations


def check_rights(seen: Observations) -> Finding | None:
    """What could not be observed because of missing permissions, and how to see it; nothing else needs root."""
    if not seen.blind_spots:
        return None
    hidden = "; ".join(spot.what for spot in seen.blind_spots)
    return Finding(
        "rights",
        "unknown",
        f"Not seen: {hidden}.",
        None if seen.is_root else f"sudo -E {seen.condenser} doctor",
        tuple(f"{spot.what[0].upper()}{spot.what[1:]}: {spot.why}." for spot in seen.blind_spots),
    )


CHECKS: tuple[Callable[[Observations], Finding | None], ...] = (
    engine.check_engine,
    engine.check_openai,
    engine.check_reachable,
    engine.check_model,
    engine.check_others,
    engine.check_elsewhere,
    gpu.check_processor,
    gpu.check_gpu,
    gpu.check_rocm,
    gpu.check_vulkan,
    gpu.check_device_access,
    gpu.check_perfmon,
    serving.check_speed,
    serving.check_memory,
    serving.check_context,
    serving.check_loads,
    serving.check_slots,
    serving.check_drop_ins,
    serving.check_settings,
    engine.check_embedded_model,
    engine.check_llama_cpp,
    engine.check_embedded_memory,
    engine.check_service,
    engine.check_warning,
    check_rights,
)
"""In the order of their rows: first those that the others depend on."""


def examine(seen: Observations) -> tuple[Finding, ...]:
    """The findings of all checks that apply; in `auto` without Ollama, those of the embedded engine only."""
    return tuple(finding for check in CHECKS if (finding := check(seen)) is not None)
