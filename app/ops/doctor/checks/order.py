"""All checks in the order of their rows: first those that the others depend on."""

from collections.abc import Callable

from app.ops.doctor.checks.access import check_device_access
from app.ops.doctor.checks.embedded import check_embedded_memory, check_embedded_model, check_llama_cpp
from app.ops.doctor.checks.gpu import check_gpu, check_processor
from app.ops.doctor.checks.memory import check_memory
from app.ops.doctor.checks.ollama import check_elsewhere, check_engine, check_model, check_others, check_reachable
from app.ops.doctor.checks.openai import check_openai
from app.ops.doctor.checks.rights import check_rights
from app.ops.doctor.checks.rocm import check_rocm
from app.ops.doctor.checks.service import check_service, check_warning
from app.ops.doctor.checks.serving import (
    check_context,
    check_drop_ins,
    check_loads,
    check_queue,
    check_settings,
    check_slots,
)
from app.ops.doctor.checks.speed import check_speed
from app.ops.doctor.checks.vulkan import check_perfmon, check_vulkan
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations

CHECKS: tuple[Callable[[Observations], Finding | None], ...] = (
    check_engine,
    check_openai,
    check_reachable,
    check_model,
    check_others,
    check_elsewhere,
    check_processor,
    check_gpu,
    check_rocm,
    check_vulkan,
    check_device_access,
    check_perfmon,
    check_speed,
    check_memory,
    check_context,
    check_loads,
    check_slots,
    check_queue,
    check_drop_ins,
    check_settings,
    check_embedded_model,
    check_llama_cpp,
    check_embedded_memory,
    check_service,
    check_warning,
    check_rights,
)


def examine(seen: Observations) -> tuple[Finding, ...]:
    """The findings of all checks that apply; in `auto` without Ollama, those of the embedded engine only."""
    return tuple(finding for check in CHECKS if (finding := check(seen)) is not None)
