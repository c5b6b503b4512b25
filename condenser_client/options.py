"""Options of compressions. `/docs` of the service describes them; the service has a default for each."""

from collections.abc import Sequence
from typing import Literal, Required

from typing_extensions import TypedDict  # pydantic can't use typing.TypedDict before Python 3.12


class _Options(TypedDict, total=False):
    target_ratio: float
    coverage: float
    method: Literal["auto", "abstractive", "extractive"]
    question: str
    must_keep: Sequence[str]
    fidelity: Literal["exact", "semantic"]
    model: str
    on_engine_error: Literal["fail", "extractive"]
    explain: bool
    timeout_s: float


class CompressOptions(_Options, total=False):
    """How to compress a text."""

    content_type: str


class MessagesOptions(_Options, total=False):
    """How to compress chat messages."""

    keep_last: int


class CompressItem(CompressOptions, total=False):
    """An item of a batch that compresses."""

    text: Required[str]
