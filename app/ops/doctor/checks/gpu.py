"""Does the model run on the GPU, and through which library did Ollama find it?"""

from app.ops.doctor import commands
from app.ops.doctor.checks.access import check_device_access
from app.ops.doctor.checks.rocm import check_rocm
from app.ops.doctor.checks.vulkan import check_vulkan
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import answering, gib, gpu_name, is_on_cpu, loaded_model, log_facts


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
