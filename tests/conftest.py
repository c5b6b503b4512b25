"""What all tests share."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# How long a test may take is for benchmarks/ to say: this machine may have other work.
# The same examples each time: a run that fails by chance says nothing about the change that it tests.
# HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the service does."""
    return "asyncio"


# A shell that runs the tests in the background has them, and all that they start, ignore Ctrl+C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SLOWEST_FIRST = ("live", "faults", "security", "clients", "fuzz", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders with the longest files first, so that no process is left with a long file at the end."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: _SLOWEST_FIRST.index(item.path.relative_to(tests).parts[0]))


_state_folders = itertools.count()


@pytest.fixture(autouse=True)
def _own_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the jobs of another test or of the user; the service makes the folder when it needs it."""
    folder = tmp_path_factory.getbasetemp() / f"state-{next(_state_folders)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))


@pytest.fixture(autouse=True, scope="session")
def _own_state_folder_of_shared_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same for services that fixtures of a wider scope start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        yield
