"""Services in processes of their own, in front of an Ollama that is not there: `extractive` needs none."""

from collections.abc import Iterator

import pytest

from tests.security.serving import Served, serving

KEY = "an-agents-own-key"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service without keys."""
    with serving(tmp_path_factory.mktemp("open")) as running:
        yield running


@pytest.fixture(scope="session")
def locked_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that wants KEY."""
    with serving(tmp_path_factory.mktemp("locked"), api_keys=f"agent={KEY}") as running:
        yield running
