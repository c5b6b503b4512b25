"""What could not be observed because of missing permissions?"""

from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations


def check_rights(seen: Observations) -> Finding | None:
    """What was hidden, and how to see it; nothing else needs root."""
    if not seen.blind_spots:
        return None
    hidden = "; ".join(spot.what for spot in seen.blind_spots)
    return Finding(
        "rights",
        "unknown",
        f"Not seen: {hidden}.",
        None if seen.is_root else f"sudo -E {seen.condenser} doctor",
        tuple(f"{spot.what[0].upper()}{spot.what[1:]}: {spot.why}." for spot in seen.blind_spots),
    )
