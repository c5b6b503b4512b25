"""What one worker shares with the others."""

from dataclasses import dataclass, field

from app.engine.embedded import EmbeddedAddress
from app.shared_memory import Memory
from app.telemetry.shared import WorkerFiles


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that serves; without arguments the only one of its service.

    `files` has the metrics of all, and `embedded_at` says where the embedded engine runs that they share.
    """

    memory: Memory = field(default_factory=Memory)
    files: WorkerFiles | None = None
    embedded_at: EmbeddedAddress | None = None
