"""Which of several servers a call goes to, and what is learnt of them."""

import pytest

from app.engine.client import Completion, LoadedModel, Prompt
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    EngineUnreachableError,
    ModelNotFoundError,
    NoConnectionError,
    PromptTooLongError,
)
from app.engine.limiter import ConcurrencyLimit
from app.engine.ollama import OllamaClient
from app.engine.retries import reason_to_go_elsewhere
from app.engine.status import EngineStatus, UpstreamStatus
from app.engine.upstreams import Upstream, Upstreams

MODEL = "qwen2.5:7b-instruct"


def upstream(number: int, slots: int = 4) -> Upstream:
    return Upstream(OllamaClient(f"http://gpu{number}:11434", num_ctx=4096, keep_alive="30m", seed=1), slots)


def status_of(*loaded: str, installed: tuple[str, ...] = (MODEL, "phi4")) -> UpstreamStatus:
    return UpstreamStatus("http://gpu", "0.16.1", installed, tuple(map(LoadedModel, loaded)))


SILENT = UpstreamStatus("http://gpu", None, problem="no answer within 2 s")
GONE = UpstreamStatus("http://gpu", None, problem="no connection", is_gone=True)


@pytest.fixture
def two() -> Upstreams:
    """Two servers of four slots that are up and have the model loaded."""
    upstreams = Upstreams([upstream(1), upstream(2)])
    for each in upstreams.all:
        each.checked(status_of(MODEL))
    return upstreams


def test_a_call_goes_where_the_fewest_calls_are(two: Upstreams) -> None:
    two.all[0].calls.own = 1
    assert two.best(MODEL) is two.all[1]


def test_of_servers_of_different_size_it_goes_where_the_fewest_are_to_a_slot() -> None:
    small, large = upstream(1, 2), upstream(2, 8)
    small.calls.own, large.calls.own = 1, 3
    assert Upstreams([small, large]).best(MODEL) is large


def test_it_goes_where_it_is_done_first_though_a_slower_one_is_idle(two: Upstreams) -> None:
    two.all[0].usual_call_s, two.all[1].usual_call_s = 1.2, 8.0
    two.all[0].calls.own = 3
    assert two.best(MODEL) is two.all[0]


def test_where_the_quicker_one_is_full_the_slower_one_has_its_part(two: Upstreams) -> None:
    two.all[0].usual_call_s, two.all[1].usual_call_s = 1.2, 2.0
    two.all[0].calls.own = 4
    assert two.best(MODEL) is two.all[1]


def test_one_that_has_not_shown_how_quick_it_is_gets_a_call(two: Upstreams) -> None:
    two.all[0].usual_call_s = 8.0
    two.all[0].calls.own = 1
    assert two.best(MODEL) is two.all[1]


def test_it_goes_where_the_model_is_loaded_though_another_one_is_idle(two: Upstreams) -> None:
    two.all[1].checked(status_of("phi4"))
    two.all[0].calls.own = 3
    assert two.best(MODEL) is two.all[0]
    assert two.best("phi4") is two.all[1]


def test_it_does_not_wait_longer_for_a_loaded_model_than_loading_takes(two: Upstreams) -> None:
    two.all[1].checked(status_of("phi4"))
    two.all[0].calls.own = 9
    assert two.best(MODEL) is two.all[1]


def test_it_goes_where_the_model_is_installed(two: Upstreams) -> None:
    two.all[0].checked(status_of(MODEL, installed=(MODEL,)))
    two.all[1].calls.own = 100
    assert two.best("phi4") is two.all[1]
    assert two.best("PHI4:latest") is two.all[1]


def test_it_goes_to_none_that_is_down_where_one_is_up(two: Upstreams) -> None:
    two.all[0].checked(GONE)
    two.all[1].calls.own = 100
    assert two.best(MODEL) is two.all[1]
    assert two.slots == 4


def test_where_all_are_down_only_a_call_can_tell(two: Upstreams) -> None:
    for each in two.all:
        each.checked(GONE)
    assert two.usable == two.all
    assert two.slots == 8
    assert not two.is_any_up


def test_it_goes_to_none_that_was_tried(two: Upstreams) -> None:
    assert two.best(MODEL, [two.all[0]]) is two.all[1]
    assert not two.besides(two.all)


def test_a_server_is_down_after_the_second_check_without_an_answer() -> None:
    single = upstream(1)
    single.checked(status_of(MODEL))
    single.checked(SILENT)
    assert single.is_up
    single.checked(SILENT)
    assert single.is_up is False


def test_checks_without_an_answer_count_in_a_row_only() -> None:
    single = upstream(1)
    for _ in range(3):
        single.checked(SILENT)
        single.checked(status_of(MODEL))
    assert single.is_up


def test_a_server_is_back_where_it_answers_after_it_was_down_and_only_then() -> None:
    single = upstream(1)
    assert not single.checked(status_of(MODEL))
    single.checked(GONE)
    assert single.checked(status_of(MODEL))
    assert not single.checked(status_of(MODEL))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoConnectionError(), "no_connection"),
        (EngineBusyError(), "busy"),
        (EngineUnreachableError(), "broken"),
        (ModelNotFoundError(), "model_not_found"),
        (EngineFailedError(), "failed"),
        (PromptTooLongError(), None),
        (EngineRejectedError(), None),
    ],
)
def test_a_call_is_made_elsewhere_where_that_may_help(error: EngineError, reason: str | None) -> None:
    assert reason_to_go_elsewhere(error, 1) == reason


def test_a_call_that_made_two_servers_fail_is_not_made_in_a_third() -> None:
    assert reason_to_go_elsewhere(EngineFailedError(), 2) is None


def test_an_engine_can_serve_where_one_of_its_servers_can() -> None:
    status = EngineStatus((GONE, status_of(MODEL)))
    assert (status.version, status.problem, status.has_loaded(MODEL)) == ("0.16.1", None, True)


def test_an_engine_whose_servers_all_can_not_serve_says_why_of_each() -> None:
    assert EngineStatus((GONE, SILENT)).problem == "no connection; no answer within 2 s"


def test_the_gpu_share_is_that_of_the_server_with_the_smallest() -> None:
    def loaded(ratio: float | None) -> UpstreamStatus:
        return UpstreamStatus("http://gpu", "0.16.1", (MODEL,), (LoadedModel(MODEL, ratio),))

    assert EngineStatus((loaded(1.0), loaded(0.25))).gpu_ratio(MODEL) == 0.25
    assert EngineStatus((loaded(1.0), GONE)).gpu_ratio(MODEL) == 1.0
    assert EngineStatus((loaded(None),)).gpu_ratio(MODEL) is None
    assert EngineStatus((GONE,)).gpu_ratio(MODEL) is None


class RecordingLimit(ConcurrencyLimit):
    """Writes down how long it is told that calls took."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []

    def ended(self, in_engine: int, took_s: float, worked_s: float | None) -> int:
        self.told.append(took_s)
        return super().ended(in_engine, took_s, worked_s)


@pytest.mark.anyio
@pytest.mark.parametrize(("word_s", "is_taken"), [(1e-9, True), (1e9, False), (None, False)])
async def test_the_limit_goes_by_the_engines_word_for_how_long_it_had_a_call_unless_that_cant_be(
    monkeypatch: pytest.MonkeyPatch, word_s: float | None, is_taken: bool
) -> None:
    limit = RecordingLimit()
    single = Upstream(upstream(1).client, 4, limit)

    async def chat(prompt: Prompt, **call: object) -> Completion:
        return Completion("A gist.", 10, 3, was_cut=False, worked_s=1e-9, took_s=word_s)

    monkeypatch.setattr(single.client, "chat", chat)
    await single.chat(Prompt("", ""), model=MODEL, num_predict=8)
    (message,) = limit.told
    assert (message == word_s) is is_taken
    assert 0 < message < 60
