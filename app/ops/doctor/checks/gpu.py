"""Does the model run on the GPU, through which library, and if not, why? ROCm, Vulkan, rights to the device files."""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import DeviceNode, Observations, Rocm
from app.ops.doctor.reading import (
    VULKAN_IN_BUILDS,
    amd_gpus,
    answering,
    gib,
    gpu_libraries,
    gpu_name,
    has_vulkan_on,
    is_on_cpu,
    loaded_model,
    log_facts,
    server_user,
    server_variable,
    version_of,
)


def check_processor(seen: Observations) -> Finding | None:
    """Which share of the loaded model is on the GPU?"""
    answers, model = answering(seen), loaded_model(seen)
    if answers is None:
        return None
    if model is None:
        is_installed = bool(answers.model_info) and answers.call is None
        sentence = "The model is not loaded, so Ollama does not report where it runs."
        return Finding("processor", "unknown", sentence) if is_installed else None
    # The log's last line about layers is for the model loaded last, which may be another model.
    layers = log_facts(seen).offloaded if len(answers.loaded_after_call or answers.loaded) == 1 else None
    of_layers = f" ({layers[0]} of {layers[1]} layers)" if layers else ""
    if model.gpu_ratio >= 0.995:
        return Finding("processor", "ok", f"All {gib(model.size)} of the loaded model are on the GPU{of_layers}.")
    if model.gpu_ratio > 0:
        sentence = f"{model.gpu_ratio:.0%} of the model is on the GPU{of_layers}; the part on the CPU limits the speed."
        return Finding("processor", "warn", sentence)
    return _on_cpu(seen, of_layers)


def _on_cpu(seen: Observations, of_layers: str) -> Finding:
    if not seen.host.gpus:
        why = "this machine shows no GPU" if seen.configured.url_is_local else "its server uses no GPU"
        return Finding("processor", "warn", f"The model runs on the CPU{of_layers}: {why}.")
    causes = (check_rocm(seen), check_vulkan(seen), check_device_access(seen))
    is_explained = any(finding is not None and finding.command for finding in causes)
    return Finding(
        "processor",
        "fail",
        f"The model runs on the CPU{of_layers} although there is a GPU: 5 to 10 times slower.",
        None if is_explained else commands.read_log(seen),
    )


def check_gpu(seen: Observations) -> Finding | None:
    """Which GPUs are there, and which of them has Ollama found according to its log?"""
    if answering(seen) is None or not seen.configured.url_is_local:
        return None
    here = "; ".join(gpu_name(gpu) for gpu in seen.host.gpus)
    devices = [device for device in log_facts(seen).devices if device.library != "cpu"]
    if devices:
        used = "; ".join(f"{device.description} by {device.library}" for device in devices)
        return Finding("gpu", "ok", f"Ollama computes on {used}.")
    if here:
        return _unused(seen, here) if is_on_cpu(seen) else Finding("gpu", "ok", f"This machine has {here}.")
    if loaded_model(seen) is not None:
        return None
    return Finding("gpu", "warn", "No GPU: none among the kernel's render nodes, and no nvidia-smi.")


def _unused(seen: Observations, here: str) -> Finding:
    facts = log_facts(seen)
    if facts.dropped:
        switch = "OLLAMA_IGPU_ENABLE"
        command = commands.set_variable(seen, "integrated-gpu", switch, "1") if switch in facts.dropped[-1] else None
        return Finding("gpu", "fail", f"{here}, but Ollama skipped it: {facts.dropped[-1]}.", command)
    if facts.failures:
        failure = facts.failures[0]
        place = f" in its folder {failure.folder}" if failure.folder else ""
        return Finding("gpu", "fail", f"{here}, but Ollama's GPU discovery failed{place}: {failure.error}.")
    return Finding("gpu", "fail", f"{here}, but Ollama does not use it.")


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
    return facts.has_rocm_error or any(failure.folder.startswith("rocm") for failure in facts.failures)


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


def check_device_access(seen: Observations) -> Finding | None:
    """May Ollama's user read and write /dev/dri/renderD* and, for AMD GPUs, /dev/kfd?"""
    if answering(seen) is None or not seen.configured.url_is_local:
        return None
    if not any(gpu.vendor in ("AMD", "Intel") for gpu in seen.host.gpus):
        return None
    if seen.server is not None and seen.server.started_by == "container":
        return Finding("device access", "unknown", "Ollama is in a container: it needs --device /dev/kfd and /dev/dri.")
    if not any(node.path.startswith("/dev/dri/") for node in seen.host.nodes):
        return Finding(
            "device access",
            "fail",
            "There is no /dev/dri/renderD*: the kernel's GPU driver is not loaded.",
            "sudo modprobe amdgpu\nsudo dmesg | grep -iE 'amdgpu|kfd'" if amd_gpus(seen) else None,
        )
    return _by_groups(seen, server_user(seen))


def _by_groups(seen: Observations, user: str) -> Finding:
    by_accounts = seen.host.user_groups.get(user, ())
    now = seen.server.groups if seen.server is not None else by_accounts
    uid = seen.server.uid if seen.server is not None else None
    if seen.server is None and not by_accounts:
        return Finding("device access", "unknown", f"Neither Ollama's process nor a user {user} can be seen.")
    closed = [node for node in seen.host.nodes if not _may_open(node, uid, now)]
    if not closed:
        paths = ", ".join(node.path for node in seen.host.nodes)
        return Finding("device access", "ok", f"Ollama's user {user} may open {paths}.")
    paths, groups = ", ".join(node.path for node in closed), ", ".join(sorted({node.group for node in closed}))
    if all(_may_open(node, uid, by_accounts) for node in closed):
        return Finding(
            "device access",
            "fail",
            f"User {user} joined the group {groups} after Ollama started: {paths} are still closed to it.",
            commands.restart(seen),
        )
    return Finding(
        "device access",
        "fail",
        f"Ollama's user {user} may not open {paths}: it is not in the group {groups}.",
        commands.join_groups(seen),
    )


def _may_open(node: DeviceNode, uid: int | None, gids: tuple[int, ...]) -> bool:
    if node.mode & 0o006 == 0o006:
        return True
    if uid == node.uid and node.mode & 0o600 == 0o600:
        return True
    return node.gid in gids and node.mode & 0o060 == 0o060
