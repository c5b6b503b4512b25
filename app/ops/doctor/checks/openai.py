"""Does a server with the OpenAI API answer, and does it have the model?"""

from app.ops.doctor import commands
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations


def check_openai(seen: Observations) -> Finding | None:
    """Does it complete a prompt with the configured model?"""
    server = seen.openai
    if server is None:
        return None
    if server.problem is None:
        return Finding("openai", "ok", f"{server.url} answers and has {seen.configured.model}.")
    if server.models and seen.configured.model not in server.models:
        mend = commands.our_setting("CONDENSER_MODEL", server.models[0])
        return Finding("openai", "fail", f"{server.url}: {server.problem}.", mend)
    return Finding("openai", "fail", f"{server.url} can't serve: {server.problem}.", f"curl {server.url}/models")
