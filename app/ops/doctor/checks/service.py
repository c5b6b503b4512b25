"""What the running service reports about itself."""

from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations


def check_service(seen: Observations) -> Finding | None:
    """Does the service run on the embedded engine, and how fast?"""
    service = seen.service
    if seen.embedded is None or service is None:
        return None
    call = service.call
    if service.problem is not None:
        return Finding(
            "speed",
            "unknown",
            f"Not measured: {service.problem} ({service.url}).",
            f"CONDENSER_ENGINE=embedded {seen.condenser} serve",
        )
    if call is None:
        return Finding("service", "ok", f"Runs at {service.url} on the {service.engine} engine.")
    if call.problem is not None:
        return Finding("speed", "fail", f"A real call to {service.url} failed: {call.problem}.")
    return Finding(
        "speed",
        "ok",
        f"{service.url} compresses 1,000 characters in {call.decode_s:.1f} s of engine time "
        f"({call.prompt_tokens} + {call.completion_tokens} tokens).",
    )


def check_warning(seen: Observations) -> Finding | None:
    """Does the service warn of needless loads, or of a model whose sentences are mostly rejected?"""
    service = seen.service
    if service is None or service.warning is None:
        return None
    return Finding("warning", "warn", f"{service.url} warns: {service.warning}.")
