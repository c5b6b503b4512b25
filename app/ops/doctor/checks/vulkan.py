"""Can Ollama use the GPU through Vulkan?"""

from app.ops.doctor import commands
from app.ops.doctor.checks.access import check_device_access
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import (
    VULKAN_IN_BUILDS,
    answering,
    gpu_libraries,
    has_vulkan_on,
    is_on_cpu,
    log_facts,
    version_of,
)

CAP_PERFMON = 38  # include/uapi/linux/capability.h

# Name prefixes of drivers for the CPU or for other vendors' cards.
_NOT_FOR = {"AMD": ("lvp", "nvidia", "intel"), "Intel": ("lvp", "nvidia", "radeon", "amd")}


def check_vulkan(seen: Observations) -> Finding | None:
    """Is Vulkan on, installed and with a driver, if nothing else reaches the GPU?"""
    if answering(seen) is None or not seen.configured.url_is_local:
        return None
    libraries = gpu_libraries(seen)
    if "vulkan" in libraries:
        return Finding("vulkan", "ok", f"In use. {_drivers(seen)}")
    maker = next((gpu.vendor for gpu in seen.host.gpus if gpu.vendor in _NOT_FOR), None)
    if maker is None or libraries:
        return None
    if is_on_cpu(seen):
        return _why_not(seen, maker)
    is_on = {True: "On.", False: "Off.", None: "Whether it is on can't be seen."}[has_vulkan_on(seen)]
    return Finding("vulkan", "ok", f"{is_on} {_drivers(seen)}")


def _why_not(seen: Observations, maker: str) -> Finding:
    """All reasons why Ollama does not use the GPU through Vulkan, since fixing one alone would not help."""
    problems: list[str] = []
    mending: list[str] = []
    if (lacks := _lacks_backend(seen)) is not None:
        problems.append(lacks)
        mending.append(commands.INSTALL)
    if not _fitting_drivers(seen, maker):
        problems.append(f"no Vulkan driver for {maker} is installed")
        mending.append(commands.vulkan_driver(seen))
    is_on = has_vulkan_on(seen) and not log_facts(seen).is_vulkan_disabled
    access = check_device_access(seen)
    if access is not None and access.command and (problems or not is_on):
        mending += [line for line in access.command.splitlines() if line != commands.restart(seen)]
    if is_on:
        if not problems:
            return Finding("vulkan", "warn", f"On, but Ollama found no GPU through it. {_drivers(seen)}")
        return Finding("vulkan", "fail", _sentence(problems), "\n".join([*mending, commands.restart(seen)]))
    mending.append(commands.vulkan_on(seen))
    if has_vulkan_on(seen) is None and not problems:
        sentence = "Probably off: OLLAMA_VULKAN can't be seen, and before 0.30 Ollama needs OLLAMA_VULKAN=1."
        return Finding("vulkan", "warn", sentence, "\n".join(mending))
    problems.append("it is off: OLLAMA_VULKAN is not set to 1")
    return Finding("vulkan", "fail", _sentence(problems), "\n".join(mending))


def _sentence(problems: list[str]) -> str:
    words = "; ".join(problems)
    return f"{words[0].upper()}{words[1:]}."


def _lacks_backend(seen: Observations) -> str | None:
    version = version_of(seen)
    if version is not None and version < VULKAN_IN_BUILDS:
        return "this Ollama is too old for Vulkan"
    if seen.host.library_folder and not seen.host.has_vulkan_backend:
        return f"there is no Vulkan backend in {seen.host.library_folder}"
    return None


def _fitting_drivers(seen: Observations, maker: str) -> list[str]:
    return [name for name in _driver_names(seen) if not name.startswith(_NOT_FOR[maker])]


def _driver_names(seen: Observations) -> list[str]:
    return [path.rsplit("/", 1)[-1].removesuffix(".json") for path in seen.host.vulkan_drivers]


def _drivers(seen: Observations) -> str:
    names = [name for name in _driver_names(seen) if not name.startswith("lvp")]
    return f"Driver: {', '.join(names[:4])}." if names else "No driver is listed in /usr/share/vulkan/icd.d."


def check_perfmon(seen: Observations) -> Finding | None:
    """May Ollama see how much GPU memory is free, if it uses Vulkan?"""
    if answering(seen) is None or "vulkan" not in gpu_libraries(seen) or seen.server is None:
        return None
    capable = bool(seen.server.effective_capabilities >> CAP_PERFMON & 1)
    if capable or "cap_perfmon" in (seen.host.binary_capabilities or ""):
        return Finding("cap_perfmon", "ok", "Ollama may read how much GPU memory is free.")
    sentence = (
        "Ollama can't read how much GPU memory is free: if other programs use the GPU, it may place layers badly."
    )
    return Finding("cap_perfmon", "warn", sentence, commands.perfmon(seen))
