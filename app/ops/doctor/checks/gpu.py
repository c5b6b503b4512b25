"""Does the model run on the GPU, and by which library did Ollama find it?"""

from app.ops.doctor import commands
from app.ops.doctor.checks.access import check_device_access
from app.ops.doctor.checks.rocm import check_rocm
from app.ops.doctor.checks.vulkan import check_vulkan
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import gib, gpu_name, is_on_cpu, loaded_model, log_facts


def check_processor(seen: Observations) -> Finding | None:
    """Is the loaded model on the GPU, and which share of it?"""
    if seen.answers is None or seen.answers.problem is not None:
        return None
    model = loaded_model(seen)
    if model is None:
        return _not_loaded(seen)
    if model.gpu_ratio >= 0.995:
        return Finding("processor", "ok", f"All {gib(model.size)} of the loaded model are on the GPU.")
    layers = log_facts(seen).offloaded
    of_layers = f" ({layers[0]} of {layers[1]} layers)" if layers else ""
    if model.gpu_ratio > 0:
        return Finding(
            "processor",
            "warn",
            f"{model.gpu_ratio:.0%} of the model is on the GPU{of_layers}, the rest on the CPU, which sets the pace.",
            details=(
                "Give it less to hold: fewer slots, a shorter context, a smaller model, or no other GPU program.",
            ),
        )
    if not seen.host.gpus:
        return Finding("processor", "warn", f"The model runs on the CPU{of_layers}: {_no_gpu(seen)}.")
    return Finding(
        "processor",
        "fail",
        f"The model runs on the CPU{of_layers} though there is a GPU: 5 to 10 times slower.",
        None if _has_cause(seen) else commands.read_log(seen),
        ("Ollama takes the CPU without any error where it finds no usable GPU.",) if _has_cause(seen) else (),
    )


def _no_gpu(seen: Observations) -> str:
    return "this machine shows no GPU" if seen.wanted.url_is_local else "its server uses no GPU"


def _not_loaded(seen: Observations) -> Finding | None:
    if seen.answers is None or seen.answers.call is not None or not seen.answers.model_info:
        return None
    return Finding("processor", "unknown", "The model is not loaded, so Ollama does not say where it runs.")


def _has_cause(seen: Observations) -> bool:
    """Whether another check says what keeps the model off the GPU."""
    causes = (check_rocm(seen), check_vulkan(seen), check_device_access(seen))
    return any(finding is not None and finding.command for finding in causes)


def check_gpu(seen: Observations) -> Finding | None:
    """What GPUs are there, and what has Ollama found of them by its log?"""
    if seen.answers is None or seen.answers.problem is not None or not seen.wanted.url_is_local:
        return None
    here = "; ".join(gpu_name(gpu) for gpu in seen.host.gpus)
    facts = log_facts(seen)
    used = "; ".join(f"{device.description} by {device.library}" for device in facts.devices if device.library != "cpu")
    if used:
        return Finding("gpu", "ok", f"Ollama computes on {used}.")
    if not here and loaded_model(seen) is not None:
        return None
    if not here:
        return Finding("gpu", "warn", "No GPU: none among the kernel's render nodes, and no nvidia-smi.")
    if not is_on_cpu(seen):
        return Finding("gpu", "ok", f"This machine has {here}.")
    if facts.dropped:
        name, value = "OLLAMA_IGPU_ENABLE", "1"
        command = commands.set_variable(seen, "integrated-gpu", name, value) if name in facts.dropped[-1] else None
        return Finding("gpu", "fail", f"{here}, but Ollama leaves it out: {facts.dropped[-1]}.", command)
    if facts.failures:
        failure = facts.failures[-1]
        folder = f" in its {failure.folder} libraries" if failure.folder else ""
        return Finding("gpu", "fail", f"{here}, but Ollama's GPU discovery failed{folder}: {failure.error}.")
    return Finding("gpu", "fail", f"{here}, but Ollama does not use it.")
