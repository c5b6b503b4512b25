"""Status of the servers that run the models."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.client import LoadedModel


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """Status of one server; `version` is None if it does not answer.

    `problem` is None if it can serve the default model; `warning` is None if nothing slows that down. `is_gone`:
    nothing listens at its address.
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
    """Status of all servers of the engine, at least one."""

    upstreams: tuple[UpstreamStatus, ...]

    @property
    def version(self) -> str | None:
        """Version of the first server that answers, None if none does."""
        return next((upstream.version for upstream in self.upstreams if upstream.version is not None), None)

    @property
    def problem(self) -> str | None:
        """Why no server can serve the default model; None if one can."""
        problems = [upstream.problem for upstream in self.upstreams if upstream.problem is not None]
        return "; ".join(problems) if len(problems) == len(self.upstreams) else None

    @property
    def warning(self) -> str | None:
        """What slows down any of the servers; None if nothing does."""
        warnings = [upstream.warning for upstream in self.upstreams if upstream.warning is not None]
        return "; ".join(dict.fromkeys(warnings)) or None

    def has_loaded(self, name: str) -> bool:
        """Whether the model `name` is in memory on any server."""
        return any(upstream.has_loaded(name) for upstream in self.upstreams)

    def num_ctx(self, name: str, minimum: int) -> int:
        """Context window of calls to the model `name` in tokens: the loaded one if it is larger than `minimum`.

        The smallest one if it differs between servers.
        """
        windows = [max(minimum, model.num_ctx or 0) for model in self._models(name)]
        return min(windows, default=minimum)

    def _models(self, name: str) -> list[LoadedModel]:
        loaded = (model for upstream in self.upstreams for model in upstream.loaded)
        return [model for model in loaded if canonical(model.name) == canonical(name)]

    def gpu_ratio(self, name: str) -> float | None:
        """Smallest share of the model `name` in GPU memory, 0 to 1; None if it is not loaded or unknown."""
        return min((model.gpu_ratio for model in self._models(name) if model.gpu_ratio is not None), default=None)


def canonical(name: str) -> str:
    """The name in lower case, with `:latest` if it has no tag, as Ollama compares names (types/model/name.go)."""
    return (name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest").casefold()


def other_tags(name: str, installed: Iterable[str]) -> list[str]:
    """The installed models that are `name` with another tag, sorted."""
    base = canonical(name).rpartition(":")[0]
    return sorted(other for other in installed if canonical(other).rpartition(":")[0] == base)
