"""What the servers that run the models say of themselves."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.client import LoadedModel


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """What one server says of itself; `version` is None where it does not answer.

    `problem` is None where it can serve the default model, `warning` where nothing makes that slow. `is_gone`: there
    is nobody who could answer.
    """

    url: str
    version: str | None
    installed: tuple[str, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    problem: str | None = None
    is_gone: bool = False
    warning: str | None = None

    def has_loaded(self, name: str) -> bool:
        """Whether the model `name` is in memory."""
        return any(canonical(model.name) == canonical(name) for model in self.loaded)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What all of the engine's servers say, at least one."""

    upstreams: tuple[UpstreamStatus, ...]

    @property
    def version(self) -> str | None:
        """Version of the first that answers, None where none does."""
        return next((one.version for one in self.upstreams if one.version is not None), None)

    @property
    def problem(self) -> str | None:
        """Why none can serve the default model; None where one can."""
        problems = [one.problem for one in self.upstreams if one.problem is not None]
        return "; ".join(problems) if len(problems) == len(self.upstreams) else None

    @property
    def warning(self) -> str | None:
        """What makes any of them slow."""
        return "; ".join(dict.fromkeys(one.warning for one in self.upstreams if one.warning is not None)) or None

    def has_loaded(self, name: str) -> bool:
        """Whether the model `name` is in memory anywhere."""
        return any(one.has_loaded(name) for one in self.upstreams)

    def num_ctx(self, name: str, wanted: int) -> int:
        """Context window of calls to the model `name`, tokens: what it is loaded with where that is over `wanted`.

        The smallest where it differs from server to server.
        """
        windows = [max(wanted, model.num_ctx or 0) for model in self._models(name)]
        return min(windows, default=wanted)

    def _models(self, name: str) -> list[LoadedModel]:
        return [model for one in self.upstreams for model in one.loaded if canonical(model.name) == canonical(name)]

    def gpu_ratio(self, name: str) -> float | None:
        """Smallest share of the model `name` in GPU memory, 0 to 1; None where it is not loaded or nobody says."""
        return min((model.gpu_ratio for model in self._models(name) if model.gpu_ratio is not None), default=None)


def canonical(name: str) -> str:
    """Model names are case-insensitive and mean `:latest` without a tag (ollama, types/model/name.go)."""
    return (name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest").casefold()


def other_tags(name: str, installed: Iterable[str]) -> list[str]:
    """The installed models that are `name` with another tag, sorted."""
    base = canonical(name).rpartition(":")[0]
    return sorted(other for other in installed if canonical(other).rpartition(":")[0] == base)
