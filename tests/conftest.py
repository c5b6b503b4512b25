"""What all tests share."""

import hypothesis
import pytest

# How long a test may take is for benchmarks/ to say: this machine may have other work.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the service does."""
    return "asyncio"
