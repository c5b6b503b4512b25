"""The work of `condenser doctor`."""

from typing import TextIO

from app.ops.doctor.checks import examine
from app.ops.doctor.findings import has_failed
from app.ops.doctor.gathering import gather
from app.ops.doctor.presentation import print_screen, report
from app.settings import Settings


def diagnose(settings: Settings, out: TextIO, *, as_json: bool, with_call: bool, timeout_s: float) -> bool:
    """Observe, judge, and write the result to `out`; returns whether nothing failed. The real call may take
    `timeout_s`.
    """
    seen = gather(settings, with_call=with_call, timeout_s=timeout_s)
    findings = examine(seen)
    if as_json:
        out.write(report(seen, findings) + "\n")
    else:
        print_screen(seen, findings, out)
    return not has_failed(findings)
