"""`/models`: the possible values of `model` in a request."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.schemas import AnswerBody
from app.api.service import service_of
from app.engine.engine import Engine
from app.engine.status import canonical

router = APIRouter(tags=["monitoring"])


class ModelEntry(AnswerBody):
    """A model of the engine."""

    name: str
    default: Annotated[bool, Field(description="whether it serves requests that name no model")]
    loaded: Annotated[bool, Field(description="whether it is in the memory of any of the engine's servers")]


class ModelList(AnswerBody):
    """The engine's models, the default one first, the others by name."""

    models: list[ModelEntry]


@router.get("/models")
async def models(request: Request) -> ModelList:
    """The models that the engine had at its last check, at most 15 seconds ago."""
    return ModelList(models=_entries(service_of(request).engine))


def _entries(engine: Engine) -> list[ModelEntry]:
    servers, default = engine.upstreams.usable, engine.default_model
    names = {canonical(name): name for server in servers for name in server.models}
    names[canonical(default)] = default  # in the spelling of the settings
    entries = (
        ModelEntry(name=name, default=name == default, loaded=any(server.has_loaded(name) for server in servers))
        for name in names.values()
    )
    return sorted(entries, key=lambda entry: (not entry.default, entry.name))
