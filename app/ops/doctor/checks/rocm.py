"""Do Ollama's ROCm libraries fit the system's ROCm and the card?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations, Rocm
from app.ops.doctor.reading import amd_gpus, gpu_libraries, has_vulkan_on, is_on_cpu, log_facts, server_variable


def check_rocm(seen: Observations) -> Finding | None:
    """Ollama's ROCm beside the system's, and the targets that it has kernels for, against where the model runs.

    A discovery that crashes in ROCm costs nothing but the GPU: Ollama takes the CPU and does not fail.
    """
    gpus = amd_gpus(seen)
    bundled = seen.host.bundled_rocm[-1] if seen.host.bundled_rocm else None
    system = seen.host.system_rocm[-1] if seen.host.system_rocm else None
    if not gpus or not seen.wanted.url_is_local or (bundled is None and system is None):
        return None
    both = _both(bundled, system)
    if not is_on_cpu(seen):
        means = "in use" if "rocm" in gpu_libraries(seen) else "not needed"
        return Finding("rocm", "ok", f"{both}; {means}.")
    if bundled is None:
        return Finding("rocm", "warn", f"{both}; Ollama's ROCm libraries are not installed. Vulkan needs none.")
    gfx = next((gpu.gfx for gpu in gpus if gpu.gfx), "")
    reasons = [*_mismatch(bundled, system), *_missing_kernels(bundled, gfx), *_in_log(seen), *_override(seen)]
    if not reasons:
        return Finding("rocm", "warn", f"{both}, but Ollama does not use it.", commands.read_log(seen))
    crashed = bool(log_facts(seen).failures or log_facts(seen).rocm_error)
    return Finding(
        "rocm",
        "fail",
        f"{both}, and Ollama's GPU discovery crashed in it." if crashed else f"{both}, and Ollama does not use it.",
        None if has_vulkan_on(seen) else commands.vulkan_on(seen) + "\n" + commands.join_groups(seen),
        (
            *reasons,
            "Ollama then runs the model on the CPU without any error, 5 to 10 times slower. The way out is Vulkan, "
            "which drives the same card through the kernel and Mesa, without ROCm.",
        ),
    )


def _both(bundled: Rocm | None, system: Rocm | None) -> str:
    ours = f"Ollama brings ROCm {bundled.version or 'of an unknown version'}" if bundled else "Ollama brings no ROCm"
    return f"{ours}, the system has {system.version}" if system else f"{ours}, the system has none"


def _mismatch(bundled: Rocm, system: Rocm | None) -> list[str]:
    if system is None or not bundled.version or not system.version:
        return []
    ours, theirs = bundled.version.split(".")[:2], system.version.split(".")[:2]
    if ours == theirs:
        return []
    return [f"Two ROCm versions meet in one process: {'.'.join(ours)} of Ollama, {'.'.join(theirs)} of the system."]


def _missing_kernels(bundled: Rocm, gfx: str) -> list[str]:
    if not gfx or not bundled.gfx_targets or gfx in bundled.gfx_targets:
        return []
    # Ollama's Dockerfile has removed gfx900 and gfx906 from the bundle since 0.12.4.
    return [f"Ollama's rocBLAS has no kernels for this card ({gfx})."]


def _in_log(seen: Observations) -> list[str]:
    facts = log_facts(seen)
    if facts.rocm_error:
        return [f"Its log: {facts.rocm_error}"]
    failures = [failure for failure in facts.failures if failure.folder.startswith("rocm")]
    return [f"Its log: failure during GPU discovery in {failures[-1].folder}: {failures[-1].error}"] if failures else []


def _override(seen: Observations) -> list[str]:
    value = server_variable(seen, "HSA_OVERRIDE_GFX_VERSION")
    return [f"HSA_OVERRIDE_GFX_VERSION={value} makes ROCm take the card for another one."] if value else []
