"""How fast is a real call?"""

from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations

# The criterion: a text is compressed within 2 s. A summary of 1,000 characters has about this many tokens.
_LIMIT_S = 2.0
_SUMMARY_TOKENS = 60


def check_speed(seen: Observations) -> Finding | None:
    """Time to the first token, decode speed, and the estimated time for a text of 1,000 characters."""
    call = seen.answers.call if seen.answers else None
    if call is None:
        return None
    if call.problem is not None:
        return Finding(
            "speed", "fail", f"A real call failed: {call.problem}.", f"{seen.condenser} doctor --timeout-s 300"
        )
    first = max(0.0, call.first_token_s - call.load_s)
    speed = call.tokens_per_second
    takes = first + (_SUMMARY_TOKENS / speed if speed else 0.0)
    loading = f" (loading took {call.load_s:.1f} s more)" if call.load_s > 1 else ""
    sentence = (
        f"First token after {first:.2f} s{loading}, then {speed:.1f} tokens/s: about {takes:.1f} s for 1,000 characters"
    )
    if takes <= _LIMIT_S:
        return Finding("speed", "ok", f"{sentence}.")
    return Finding("speed", "warn", f"{sentence}, over {_LIMIT_S:g} s.")
