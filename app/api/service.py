"""The parts of a running service, which the routes use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from app.api.clients import Client
from app.api.pending import PendingBytes
from app.compression.cache import SharedCompressor
from app.compression.reconstructor import Reconstructor
from app.compression.summarizer import Summarizer
from app.engine.engine import Engine
from app.jobs.runner import Jobs
from app.settings import Settings
from app.telemetry.cost import Prices
from app.telemetry.metrics import Metrics


@dataclass(slots=True)
class Drain:
    """Whether the service is shutting down: then it accepts no more operations."""

    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one running instance."""

    settings: Settings
    engine: Engine
    summarizer: Summarizer
    compressor: SharedCompressor
    reconstructor: Reconstructor
    metrics: Metrics
    prices: Prices
    clients: Mapping[str, Client]
    pending: PendingBytes
    jobs: Jobs | None = None
    drain: Drain = field(default_factory=Drain)

    def warning_of(self, model: str) -> str | None:
        """A warning if most of the model's sentences fail the check, else None."""
        record = self.summarizer.records.get(model)
        if record is None or not record.is_too_weak:
            return None
        return (
            f"only {record.standing:.0%} of the last sentences of {model} passed the check, so most of its calls are "
            "wasted: use a model that writes better (CONDENSER_MODEL)"
        )


def service_of(connection: HTTPConnection) -> Service:
    """The service that handles a request."""
    service: Service = connection.app.state.service
    return service
