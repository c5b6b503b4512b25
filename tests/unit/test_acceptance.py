"""`condenser acceptance`: its fidelity row, what it says while it runs, and what is left of it at Ctrl-C."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from app.ops.acceptance import Acceptance, Row, _fidelity, accept
from app.ops.client import ServiceClient
from app.ops.trial import Done, Progress
from tests.clock import Clock

TEXT = (
    "The ferry leaves Turku at 07:45. Tickets cost 24 euros. Nobody met Captain Lindqvist on 3 May. It rained a lot. "
    * 3
)


def done(compressed: str, omitted: list[tuple[int, int]], missing: tuple[str, ...] = (), ratio: float = 0.5) -> Done:
    fidelity: dict[str, Any] = {"kept": 1, "missing": list(missing), "missing_count": len(missing), "omitted": omitted}
    fidelity["summary"] = {"written": 0, "stood": 0, "taken": 0}
    return Done(TEXT, {"compressed": compressed, "fidelity": fidelity, "sizes": {"token_ratio": ratio}}, 0.1)


def fidelity(*answers: Done) -> Row:
    return _fidelity(answers)


HALF = "The ferry leaves Turku at 07:45. Tickets cost 24 euros."
REST = (TEXT.index("Nobody"), TEXT.index(" It rained"))


def test_a_result_with_most_figures_and_the_others_in_omitted_ranges_passes() -> None:
    row = fidelity(done(HALF, [REST]))
    assert row.is_met
    assert row.figures["accounted_for"] == row.figures["telling_words"]
    assert row.figures["present"] != row.figures["telling_words"]


def test_what_is_in_missing_is_accounted_for_as_well() -> None:
    assert fidelity(done(HALF, [], missing=("Captain Lindqvist", "3 May"))).is_met


def test_what_is_neither_present_nor_listed_as_left_out_does_not_pass() -> None:
    assert not fidelity(done(HALF, [], missing=("3 May",))).is_met


@pytest.mark.parametrize("compressed", ["It rained a lot.", "Tickets cost 24 euros."])
def test_a_service_that_omits_nearly_all_does_not_pass_although_it_says_so(compressed: str) -> None:
    assert not fidelity(done(compressed, [(0, len(TEXT))])).is_met


def test_a_service_that_gives_the_text_back_does_not_pass() -> None:
    assert not fidelity(done(TEXT, [], ratio=1.0)).is_met


class InterruptedService(ServiceClient):
    """A service that works until Ctrl-C is pressed at the compression of this number."""

    def __init__(self, interrupted_at: int) -> None:
        super().__init__("http://service.test")
        self._left = interrupted_at

    def ready(self) -> dict[str, Any]:
        return {"ready": True, "engine": "ollama", "model": "any"}

    def metrics(self) -> str:
        return 'condenser_cost_dollars_total{basis="cloud"} 1\n'

    def compress(self, body: Any) -> dict[str, Any]:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        text = body["text"]
        return {
            **done(text[: len(text) // 2], [(len(text) // 2, len(text))]).answer,
            "capsule": text,
            "usage": {"calls": 1},
            "cost": {"cloud_usd": 0.1, "local_usd": 0.0},
        }

    def reconstruct(self, capsule: object, mode: str = "auto") -> dict[str, Any]:
        return {"text": capsule}

    def batch_lines(self, operation: str, items: Sequence[object]) -> Any:
        for at, item in enumerate(items):
            yield {"index": at, "result": self.compress(item)}


def interrupted(at: int, say: Callable[[str], None] = lambda line: None) -> Acceptance:
    return accept(InterruptedService(at), texts=4, rounds=1, say=say)


@pytest.mark.parametrize(
    ("at", "measured"),
    [
        (1, ["model available"]),
        (3, ["model available", "compression", "savings", "fidelity"]),
        (5, ["model available", "compression", "exact reconstruction", "savings", "fidelity"]),
        (9, ["model available", "compression", "exact reconstruction", "savings", "throughput", "fidelity"]),
    ],
)
def test_ctrl_c_leaves_the_rows_of_what_was_measured(at: int, measured: list[str]) -> None:
    report = interrupted(at)
    assert report.is_interrupted
    assert not report.is_met
    assert [row.name for row in report.rows] == measured


def test_each_step_is_named_as_it_begins() -> None:
    lines: list[str] = []
    interrupted(at=99, say=lines.append)
    assert [line.partition(" ")[0] for line in lines] == ["compressing", "reconstructing", "compressing", "compressing"]


def test_a_slow_step_says_now_and_then_how_far_it_is() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = Progress(lines.append, clock)
    progress.begin("compressing")
    for number in range(1, 5):
        clock.now += Progress.EVERY_S / 2
        progress.ended(number, 4)
    assert lines == ["compressing ...", "  2 of 4 done", "  4 of 4 done"]
