"""The recorded situations of the doctor: what was seen (JSON) and the screen that it gives (text).

Where a wording changes on purpose, read the new screens and write them with: python -m tests.unit.doctor_recordings
"""

from pathlib import Path

from app.ops.doctor.checks import examine
from app.ops.doctor.findings import Finding
from app.ops.doctor.observations import Observations, from_json
from app.ops.doctor.presentation import screen

FOLDER = Path(__file__).parent / "recordings" / "doctor"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def recording(name: str) -> Observations:
    """What was seen in the situation `name`."""
    return from_json((FOLDER / f"{name}.json").read_bytes())


def screen_of(name: str) -> str:
    """The screen that the doctor shows for it."""
    seen = recording(name)
    return screen(seen, examine(seen))


def golden(name: str) -> Path:
    """Where the screen lies that it shall show."""
    return FOLDER / f"{name}.txt"


def finding(seen: Observations, name: str) -> Finding:
    """The one finding of that name."""
    (match,) = [finding for finding in examine(seen) if finding.name == name]
    return match


if __name__ == "__main__":
    for situation in NAMES:
        golden(situation).write_text(screen_of(situation))
