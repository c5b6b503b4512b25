"""Can Ollama reach the GPU by Vulkan?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import (
    VULKAN_IN_BUILDS,
    gpu_libraries,
    has_vulkan_on,
    is_on_cpu,
    log_facts,
    version_of,
)

CAP_PERFMON = 38  # include/uapi/linux/capability.h

# Drivers that compute on the CPU, or for cards of other makers.
_NOT_FOR_IT = {"AMD": ("lvp", "nvidia", "intel"), "Intel": ("lvp", "nvidia", "radeon", "amd")}


def check_vulkan(seen: Observations) -> Finding | None:
    """Is Vulkan on, installed and with a driver, where the GPU is not reached otherwise?"""
    if seen.answers is None or seen.answers.problem is not None or not seen.wanted.url_is_local:
        return None
    if "vulkan" in gpu_libraries(seen):
        return Finding("vulkan", "ok", f"In use. {_drivers(seen) or 'The driver is not where drivers are listed'}.")
    makers = [gpu.vendor for gpu in seen.host.gpus if gpu.vendor in _NOT_FOR_IT]
    if not makers or gpu_libraries(seen):
        return None
    if not is_on_cpu(seen):
        is_on = {True: "On", False: "Off, and not needed", None: "Not known to be on"}[has_vulkan_on(seen)]
        return Finding("vulkan", "ok", f"{is_on}. {_drivers(seen) or 'No driver is installed'}.")
    return _why_not(seen, makers[0])


def _why_not(seen: Observations, maker: str) -> Finding:
    problems: list[tuple[str, str | None]] = []
    version = version_of(seen)
    if version is not None and version < VULKAN_IN_BUILDS:
        problems.append(("this Ollama is too old for it", commands.INSTALL))
    elif seen.host.library_folder and not seen.host.has_vulkan_backend:
        problems.append((f"there is no Vulkan backend in {seen.host.library_folder}", commands.INSTALL))
    if not _fitting_drivers(seen, maker):
        problems.append((f"no Vulkan driver for {maker} is installed", commands.vulkan_driver(seen)))
    is_on = has_vulkan_on(seen)
    if not is_on or log_facts(seen).is_vulkan_disabled:
        problems.append(("OLLAMA_VULKAN is not 1" if is_on is None else "it is off", commands.vulkan_on(seen)))
    if not problems:
        return Finding("vulkan", "warn", f"On, but Ollama found no GPU by it. {_drivers(seen)}.")
    if len(problems) > 0 and is_on and not log_facts(seen).is_vulkan_disabled:
        problems.append(("", commands.restart(seen)))
    words = "; ".join(problem for problem, _ in problems if problem)
    return Finding(
        "vulkan",
        "fail",
        f"{words[0].upper()}{words[1:]}.",
        "\n".join(command for _, command in problems if command),
        ("Vulkan drives the same card without ROCm.",) if maker == "AMD" else (),
    )


def _fitting_drivers(seen: Observations, maker: str) -> list[str]:
    names = (path.rsplit("/", 1)[-1] for path in seen.host.vulkan_drivers)
    return [name for name in names if not name.startswith(_NOT_FOR_IT[maker])]


def _drivers(seen: Observations) -> str:
    names = [path.rsplit("/", 1)[-1].split(".")[0] for path in seen.host.vulkan_drivers]
    real = [name for name in names if not name.startswith("lvp")]
    return f"Driver: {', '.join(real[:4])}" if real else ""


def check_perfmon(seen: Observations) -> Finding | None:
    """May Ollama see how much GPU memory is free, where it uses Vulkan?"""
    if "vulkan" not in gpu_libraries(seen) or not seen.wanted.url_is_local or seen.server is None:
        return None
    capable = bool(seen.server.effective_capabilities >> CAP_PERFMON & 1)
    if capable or "cap_perfmon" in (seen.host.binary_capabilities or ""):
        return Finding("cap_perfmon", "ok", "Ollama may read how much GPU memory is free.")
    command = None
    if seen.host.ollama_binary and not seen.server.in_container:
        command = f"sudo setcap cap_perfmon+ep {seen.host.ollama_binary}\n{commands.restart(seen)}"
    return Finding(
        "cap_perfmon",
        "warn",
        "Ollama can't read how much GPU memory is free, and guesses what fits beside other programs.",
        command,
    )
