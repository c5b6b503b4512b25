"""Do Ollama's ROCm libraries match the system's ROCm and the card?"""

from app.ops.doctor import commands
from app.ops.doctor.checks.vulkan import check_vulkan
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations, Rocm
from app.ops.doctor.reading import amd_gpus, answering, gpu_libraries, is_on_cpu, log_facts, server_variable


def check_rocm(seen: Observations) -> Finding | None:
    """Do Ollama's ROCm and the system's match, and are there kernels for the card that should run the model?"""
    bundled = seen.host.bundled_rocm[-1] if seen.host.bundled_rocm else None
    system = seen.host.system_rocm[-1] if seen.host.system_rocm else None
    if answering(seen) is None or not amd_gpus(seen) or (bundled is None and system is None):
        return None
    both = _both(bundled, system)
    if not is_on_cpu(seen):
        return Finding("rocm", "ok", f"{both}; {'in use' if 'rocm' in gpu_libraries(seen) else 'not in use'}.")
    if bundled is None:
        return Finding("rocm", "warn", f"{both}. Vulkan needs no ROCm.")
    reasons = [*_mismatch(bundled, system), *_missing_kernels(seen, bundled), *_override(seen)]
    has_crashed = _has_crashed(seen)
    if not reasons and not has_crashed:
        return Finding("rocm", "warn", f"{both}, but Ollama does not use it.", commands.read_log(seen))
    vulkan = check_vulkan(seen)
    return Finding(
        "rocm",
        "fail",
        f"{both}{', and GPU discovery crashed in it' if has_crashed else ''}.",
        vulkan.command if vulkan is not None else None,
        (
            *reasons,
            "If ROCm fails at discovery, Ollama runs the model on the CPU without any error. The solution is "
            "Vulkan, which drives the same card through the kernel and Mesa, without ROCm.",
        ),
    )


def _both(bundled: Rocm | None, system: Rocm | None) -> str:
    ours = f"Ollama brings ROCm {bundled.version or 'of unknown version'}" if bundled else "Ollama brings no ROCm"
    return f"{ours}, the system has {system.version if system else 'none'}"


def _mismatch(bundled: Rocm, system: Rocm | None) -> list[str]:
    if system is None or not bundled.version or not system.version:
        return []
    ours, theirs = (".".join(version.split(".")[:2]) for version in (bundled.version, system.version))
    return [f"ROCm {ours} in Ollama does not match ROCm {theirs} of the system."] if ours != theirs else []


def _missing_kernels(seen: Observations, bundled: Rocm) -> list[str]:
    gfx = next((gpu.gfx for gpu in amd_gpus(seen) if gpu.gfx), "")
    if not gfx or not bundled.gfx_targets or gfx in bundled.gfx_targets:
        return []
    # Since 0.12.4 Ollama's Dockerfile removes the kernels for gfx900 and gfx906 from the bundle.
    return [f"Ollama's rocBLAS has no kernels for {gfx}."]


def _override(seen: Observations) -> list[str]:
    value = server_variable(seen, "HSA_OVERRIDE_GFX_VERSION")
    return [f"HSA_OVERRIDE_GFX_VERSION={value} makes ROCm treat the card as a different one."] if value else []


def _has_crashed(seen: Observations) -> bool:
    facts = log_facts(seen)
    return facts.rocm_error is not None or any(failure.folder.startswith("rocm") for failure in facts.failures)
