"""What a worker shares with the others."""

from dataclasses import dataclass, field

from app.engine.embedded import EmbeddedAddress
from app.shared_memory import Memory
from app.telemetry.shared import WorkerFiles


@dataclass(frozen=True, slots=True)
class Worker:
    """A serving process; without arguments the only one of its service.

    `files`: the metrics of all workers. `embedded_at`: where the shared embedded engine runs.
    """

    memory: Memory = field(default_factory=Memory)
    files: WorkerFiles | None = None
    embedded_at: EmbeddedAddress | None = None
