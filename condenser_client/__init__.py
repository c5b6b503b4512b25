"""Clients of a Condenser service, synchronous and for asyncio.

from condenser_client import Condenser

short = Condenser("http://127.0.0.1:8000").compress(text, target_ratio=0.3).compressed
"""

from condenser_client._async import AsyncCondenser
from condenser_client._protocol import CapsuleLike
from condenser_client._sync import Condenser
from condenser_client.errors import CondenserError, ProblemError, UnexpectedAnswerError, UnreachableError
from condenser_client.models import (
    BatchItem,
    BatchResult,
    Capsule,
    ChangedContent,
    CompressResult,
    Excerpt,
    Fidelity,
    Job,
    JobPage,
    MessagesResult,
    Older,
    Passage,
    Problem,
    ReconstructResult,
)
from condenser_client.options import CompressItem, CompressOptions, MessagesOptions
from condenser_client.status import Ready, Status

__all__ = [
    "AsyncCondenser",
    "BatchItem",
    "BatchResult",
    "Capsule",
    "CapsuleLike",
    "ChangedContent",
    "CompressItem",
    "CompressOptions",
    "CompressResult",
    "Condenser",
    "CondenserError",
    "Excerpt",
    "Fidelity",
    "Job",
    "JobPage",
    "MessagesOptions",
    "MessagesResult",
    "Older",
    "Passage",
    "Problem",
    "ProblemError",
    "Ready",
    "ReconstructResult",
    "Status",
    "UnexpectedAnswerError",
    "UnreachableError",
]
