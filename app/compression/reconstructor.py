"""Reconstructs a text from its capsule: exactly, without the model, or by having the model expand the summary."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.capsule.format import Capsule, CapsuleError, declared_bytes, unseal
from app.compression.summarizer import Summarizer
from app.compression.usage import Usage
from app.engine.engine import CallOptions
from app.summary.check import Claim, Dropped
from app.summary.draft import without_repetitions
from app.summary.evidence import Evidence
from app.summary.report import Report, arrange, compose, report
from app.tasks import beside_loop
from app.text.document import Document, read
from app.text.language import share_in, stems

Mode = Literal["exact", "semantic", "auto"]

_MOST_EXPANDED_TOKENS = 1024
_OFF_LOOP_BYTES = 262_144  # larger capsules are opened in a thread; smaller ones take a few milliseconds
_COVERED = 0.8  # of a unit's content in the claims that it supports: then the unit itself is left out


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """A reconstructed text. `verified`: its SHA-256 is that of the source. `report`: None if it is exact."""

    text: str
    mode: Literal["exact", "semantic"]
    verified: bool
    report: Report | None
    usage: Usage


class Reconstructor:
    """Reconstructs with `summarizer`; sources over `max_text_bytes` are refused."""

    def __init__(self, summarizer: Summarizer, max_text_bytes: int) -> None:
        self._summarizer = summarizer
        self._max_text_bytes = max_text_bytes

    async def reconstruct(self, capsule: Capsule, mode: Mode, call_options: CallOptions) -> Reconstructed:
        """Reconstruct the text. `auto` is exact if the capsule holds the source, else semantic.

        Raises CapsuleError for a capsule that can't be opened or, in mode `exact`, does not hold the source;
        EngineError if the model is needed and fails.
        """
        is_long = max(len(capsule.payload), declared_bytes(capsule)) >= _OFF_LOOP_BYTES
        content = await beside_loop(is_long, unseal, capsule, self._max_text_bytes)
        if content.source is not None and mode != "semantic":
            return Reconstructed(content.source, "exact", verified=True, report=None, usage=Usage())
        if mode == "exact":
            raise CapsuleError('fidelity is "semantic": the capsule does not hold the source')
        return await self._rewritten(content.summary, content.source_tokens, call_options)

    async def _rewritten(self, summary: str, source_tokens: int, call_options: CallOptions) -> Reconstructed:
        """The text that the model writes from a summary: its checked sentences, and the units that they leave out."""
        document = read(summary)
        claims: tuple[Claim, ...] = ()
        usage, written = Usage(), 0
        dropped: tuple[Dropped, ...] = ()
        if document.is_prose:
            most = max(32, min(source_tokens, _MOST_EXPANDED_TOKENS, self._summarizer.num_ctx // 2))
            expanded = await self._summarizer.expand(document, Evidence(document), most, call_options)
            claims, usage, dropped = expanded.claims, expanded.usage, expanded.dropped
            written = len(claims) + len(dropped)
        stood = len(claims)
        claims, units, repeated = _without_duplicates(document, claims)
        dropped += repeated
        text, passages = compose(document, arrange(claims, units))
        made_report = report(document, text, passages, units)
        return Reconstructed(
            text, "semantic", False, replace(made_report, written=written, stood=stood, dropped=dropped), usage
        )


def _without_duplicates(
    document: Document, claims: tuple[Claim, ...]
) -> tuple[tuple[Claim, ...], list[int], tuple[Dropped, ...]]:
    """The claims that do not repeat a remaining unit, the units that no claim covers, and the dropped claims."""
    units = [unit for unit in range(len(document.units)) if not _is_covered(document, unit, claims)]
    kept, repeated = without_repetitions(claims, lambda claim, _: _repeats_unit(document, claim, units))
    if not repeated:
        return claims, units, ()
    # Units that were covered by a dropped claim together with others may be needed now.
    kept, units, dropped = _without_duplicates(document, kept)
    return kept, units, repeated + dropped


def _repeats_unit(document: Document, claim: Claim, units: Sequence[int]) -> bool:
    """Whether one of the units states what a claim states."""
    claim_stems = stems(claim.text, document.language)
    return any(share_in(claim_stems, document.stems[unit]) >= _COVERED for unit in units if unit in claim.units)


def _is_covered(document: Document, unit: int, claims: Sequence[Claim]) -> bool:
    """Whether the claims that a unit supports state its content."""
    claim_stems = {stem for claim in claims if unit in claim.units for stem in stems(claim.text, document.language)}
    content = document.stems[unit]
    return bool(claim_stems) and sum(stem in claim_stems for stem in content) >= _COVERED * len(content)
