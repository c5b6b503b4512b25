"""Asks servers whether they can serve the default model, and words what is wrong if they can't."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from app.engine.client import EngineName
from app.engine.errors import EngineError, NoConnectionError
from app.engine.loads import SOON_S
from app.engine.status import UpstreamStatus, canonical, other_tags
from app.engine.upstreams import Upstream

STATUS_TIMEOUT_S = 2.0
_NEEDLESS_LOADS = (
    f"was loaded twice within {SOON_S:g} s: another program calls it with other options, for example num_ctx, or "
    "there is not enough memory for all requested models (docs/ollama.md)"
)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The check of the servers of an engine for `model`. `why_down` may explain why a server does not answer."""

    engine: EngineName
    model: str
    why_down: Callable[[], str | None]

    async def status_of(self, upstream: Upstream) -> UpstreamStatus:
        """Ask a server for its version and models. Never raises; answers within STATUS_TIMEOUT_S."""
        client, model = upstream.client, self.model
        version: str | None = None
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                version = await client.version()
                installed = tuple(await client.installed_models())
                loaded = tuple(await client.loaded_models())
        except TimeoutError:
            return self._failed(upstream, version, f"no answer within {STATUS_TIMEOUT_S:g} s")
        except EngineError as error:
            return self._failed(upstream, version, str(error), is_gone=isinstance(error, NoConnectionError))
        if any(canonical(name) == canonical(model) for name in installed):
            warning = f"{model} {_NEEDLESS_LOADS}" if upstream.loads.follow_each_other(model) else None
            return UpstreamStatus(client.base_url, version, installed, loaded, warning=warning)
        setting = " (CONDENSER_MODEL)" if self.engine == "openai" else ""
        problem = self.missing_model(model, f"model '{model}' not found", installed) + setting
        return UpstreamStatus(client.base_url, version, installed, loaded, problem)

    def _failed(
        self, upstream: Upstream, version: str | None, problem: str, *, is_gone: bool = False
    ) -> UpstreamStatus:
        cause = self.why_down()
        explained = f"{problem}; {cause}" if cause else problem
        return UpstreamStatus(upstream.client.base_url, version, problem=explained, is_gone=is_gone)

    def missing_model(self, model: str, message: str, installed: Collection[str]) -> str:
        """`message` about a model that is not installed, with what is installed and how to get the model."""
        if self.engine == "embedded":
            return f"{message}; the embedded engine has {self.model} only"
        if self.engine == "openai":
            return f"{message}; the server has {', '.join(sorted(installed)) or 'none'}"
        others = other_tags(model, installed)
        has = f" (that is {canonical(model)}); installed is {', '.join(others)}" if others else ""
        return f"{message}{has}; get it with: ollama pull {model}"
