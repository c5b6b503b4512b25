"""What a check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result: a sentence, and the shell lines in `command` that mend it where something is wrong.

    `details` are further sentences, for what one does not explain. `unknown` means that it could not be seen.
    """

    name: str
    state: State
    sentence: str
    command: str | None = None
    details: tuple[str, ...] = ()


def has_failed(findings: tuple[Finding, ...]) -> bool:
    """Whether the service can't do its work well: one finding at least is a `fail`."""
    return any(finding.state == "fail" for finding in findings)
