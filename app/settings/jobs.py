"""Settings of batches that are answered later."""

import os
from pathlib import Path

from pydantic import BaseModel, Field

NO_JOBS = "off"


def default_jobs_database() -> str:
    """The jobs' SQLite file in the user's state folder according to the XDG base directory specification."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return f"sqlite:///{folder.absolute() / 'condenser' / 'jobs.sqlite'}"


class JobSettings(BaseModel, title="Batches that are answered later"):
    jobs_database: str = Field(
        default_factory=default_jobs_database,
        repr=False,
        pattern=r"^(off|sqlite:///.+|postgresql://.+)$",
        description="database of batches that are answered later, with their texts and results: `sqlite:////PATH`, "
        "`postgresql://...`, or `off`; unset: `~/.local/state/condenser/jobs.sqlite`",
    )
    max_job_items: int = Field(100_000, ge=1, le=1_000_000, description="most items in a batch that is answered later")
    keep_jobs_s: float = Field(
        604_800,
        gt=0,
        le=31_536_000,
        allow_inf_nan=False,
        description="how long such a batch is kept after its end, seconds",
    )
