"""Can the embedded engine run?"""

import os

from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations
from app.ops.doctor.reading import gib


def check_embedded_model(seen: Observations) -> Finding | None:
    """Does the embedded engine's model file exist?"""
    embedded = seen.embedded
    if embedded is None:
        return None
    if embedded.model_bytes is not None:
        return Finding("model", "ok", f"{embedded.model_path}, {gib(embedded.model_bytes)}.")
    return Finding(
        "model", "fail", f"The embedded model is not at {embedded.model_path}.", f"{seen.condenser} fetch-model"
    )


def check_llama_cpp(seen: Observations) -> Finding | None:
    """Does llama.cpp load?"""
    embedded = seen.embedded
    if embedded is None:
        return None
    if embedded.xllamacpp_problem is None:
        return Finding("llama.cpp", "ok", f"xllamacpp {embedded.xllamacpp_version} loads.")
    pip = os.path.join(os.path.dirname(seen.condenser), "python")
    return Finding(
        "llama.cpp",
        "fail",
        f"xllamacpp does not load: {embedded.xllamacpp_problem}.",
        f"{pip} -m pip install --force-reinstall xllamacpp",
    )


def check_embedded_memory(seen: Observations) -> Finding | None:
    """Does the embedded model fit into memory?"""
    embedded = seen.embedded
    if embedded is None or embedded.model_bytes is None or not seen.host.memory_available:
        return None
    free = seen.host.memory_available
    sentence = f"{gib(embedded.model_bytes)} of weights, {gib(free)} of memory are free."
    if embedded.model_bytes < free:
        return Finding("memory", "ok", sentence)
    return Finding("memory", "fail", sentence, "unset CONDENSER_EMBEDDED_MODEL")
