"""The result of a check."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's result: a sentence, and the shell lines in `command` that fix a problem.

    `details` are further sentences that explain it. `unknown` means that it could not be observed.
    """

    name: str
    state: State
    sentence: str
    command: str | None = None
    details: tuple[str, ...] = ()


def has_failed(findings: tuple[Finding, ...]) -> bool:
    """Whether at least one finding is a `fail`: the service can't work properly."""
    return any(finding.state == "fail" for finding in findings)
