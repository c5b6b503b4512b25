"""Reconstruct a text from its capsule: exactly, without the model, or rewritten by it out of the summary."""

from dataclasses import dataclass
from typing import Literal

from app.capsule.format import Capsule, CapsuleError, declared_bytes, unseal
from app.capsule.prompts import expand_prompt
from app.capsule.report import Report
from app.compression.model_calls import Usage, ask
from app.compression.safety import rewritten
from app.compression.threads import off_loop
from app.engine.engine import Engine, Terms

Mode = Literal["exact", "semantic", "auto"]

_MOST_EXPANDED_TOKENS = 1024
_ANY_SOURCE = 4096  # characters of a payload that are opened in a thread whatever they declare


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """A reconstructed text. `verified`: it has the SHA-256 of the source. `report`: None for an exact one."""

    text: str
    mode: Literal["exact", "semantic"]
    verified: bool
    report: Report | None
    usage: Usage


class Reconstructor:
    """Reconstructs with `engine`; sources over `max_text_bytes` are refused."""

    def __init__(self, engine: Engine, max_text_bytes: int) -> None:
        self._engine = engine
        self._max_text_bytes = max_text_bytes

    async def reconstruct(self, capsule: Capsule, mode: Mode, terms: Terms) -> Reconstructed:
        """Get the text back. `auto` is exact where the capsule holds the source, else semantic.

        Raises CapsuleError for a capsule that can't be opened or, in mode `exact`, does not hold the source;
        EngineError where the model is needed and fails.
        """
        # A capsule of a hundred bytes may take as long as the source that it declares.
        size = len(capsule.payload)
        size = size if size > _ANY_SOURCE else max(size, declared_bytes(capsule))
        content = await off_loop(lambda: unseal(capsule, self._max_text_bytes), size)
        if content.source is not None and mode != "semantic":
            return Reconstructed(content.source, "exact", verified=True, report=None, usage=Usage())
        if mode == "exact":
            raise CapsuleError('fidelity is "semantic": the capsule does not hold the source')
        return await self._rewritten(content.summary, content.source_tokens, terms)

    async def _rewritten(self, summary: str, source_tokens: int, terms: Terms) -> Reconstructed:
        """The model's text out of the summary, repaired against it as a summary is against its source."""
        if not summary.strip():
            return Reconstructed(summary, "semantic", False, rewritten(summary, summary).report, Usage())

        def most_tokens(part_tokens: int) -> int:
            wished = max(2 * part_tokens, source_tokens)
            return max(32, min(wished, _MOST_EXPANDED_TOKENS, self._engine.num_ctx // 2))

        answer = await ask(self._engine, summary, expand_prompt, most_tokens, terms)
        repaired = await off_loop(lambda: rewritten(summary, answer.text), len(summary) + len(answer.text))
        return Reconstructed(repaired.text, "semantic", False, repaired.report, answer.usage)
