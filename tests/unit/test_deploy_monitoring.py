"""deploy/prometheus and deploy/grafana use what the service really exposes."""

import asyncio
import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi.exceptions import RequestValidationError
from prometheus_client.parser import text_string_to_metric_families
from starlette.exceptions import HTTPException

from app.api.problems import details_of, invalid, too_large
from app.asgi import ClientDisconnectedError
from app.capsule.format import CapsuleError
from app.engine.errors import EngineError
from app.engine.model_file import DEFAULT_MODEL_NAME
from tests.unit.promql import Selector, grouping_labels, parse, selectors
from tests.unit.service import MODEL, TEXT, answer, ollama, prompt_of, running

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("condenser.*.yml"))
SCRAPE_LABELS = {"job", "instance"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: apt-get install prometheus) is not here"
)

Exposition = dict[str, dict[str, set[str]]]
"""The values of each label of each sample name."""


def rules() -> list[dict[str, Any]]:
    return [
        rule for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]
    ]


DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "condenser.json").read_text())
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
RULE_EXPRESSIONS = {rule.get("record") or rule["alert"]: rule["expr"] for rule in rules()}
PANEL_TARGETS = [(panel, target) for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [
    *(pytest.param(expr, id=name) for name, expr in RULE_EXPRESSIONS.items()),
    *(pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}") for panel, target in PANEL_TARGETS),
]


def engine_kinds(error: type[EngineError] = EngineError) -> Iterator[str]:
    yield error.kind
    for more in error.__subclasses__():
        yield from engine_kinds(more)


def clients_faults() -> set[str]:
    """Outcomes that say what a client did wrong; a missing model may be the operator's fault, so it is none."""
    errors = [
        RequestValidationError([]),
        CapsuleError("broken"),
        HTTPException(404),
        ClientDisconnectedError(),
        invalid("field"),
        too_large("text"),
    ]
    return {details_of(error).kind for error in errors} | {"unauthorized"}


async def served() -> str:
    """The exposition after a success, a failed call, a wrong request and one without a key."""

    async def chat(request: httpx.Request) -> httpx.Response:
        if "broken" in prompt_of(request):
            return httpx.Response(500, json={"error": "out of memory"})
        return httpx.Response(200, json=answer("A ferry leaves."))

    with ollama(chat):
        async with running(api_keys="key") as client:
            await client.post("/compress", json={"text": TEXT})
            client.headers["X-API-Key"] = "key"
            done = (await client.post("/compress", json={"text": TEXT})).json()
            await client.post("/reconstruct", json={"capsule": done["capsule"]})
            await client.post("/batch", json={"operation": "compress", "items": [{"text": f"A broken one. {TEXT}"}]})
            await client.post("/compress", json={"txt": TEXT})
            return (await client.get("/metrics")).text


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    names: Exposition = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(asyncio.run(served())):
        for sample in family.samples:
            labels = names[sample.name]
            for label, value in sample.labels.items():
                labels[label].add(value)
    names["up"] = {}
    for name in RECORDED:
        names[name] = {}
    for name in ("condenser_operations_total", "condenser_request_duration_seconds_bucket"):
        names[name]["outcome"] |= clients_faults() | set(engine_kinds()) | {"internal"}
    return names


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_reads_metrics_and_labels_that_exist(expression: str, exposition: Exposition) -> None:
    tree = parse(expression)
    known: set[str] = set(SCRAPE_LABELS)
    for selector in selectors(tree):
        assert selector.metric in exposition
        labels = exposition[selector.metric]
        known |= labels.keys()
        assert selector.values.keys() <= labels.keys() | SCRAPE_LABELS
        assert_values_exist(selector, labels)
    assert grouping_labels(tree) <= known


def assert_values_exist(selector: Selector, labels: dict[str, set[str]]) -> None:
    for label, values in selector.values.items():
        if label not in SCRAPE_LABELS | {"model"}:
            assert values <= labels[label]


@pytest.mark.parametrize(
    ("panel", "target"), [pytest.param(p, t, id=f"{p['title']} {t['refId']}") for p, t in PANEL_TARGETS]
)
def test_a_legend_names_labels_that_the_series_have(
    panel: dict[str, Any], target: dict[str, Any], exposition: Exposition
) -> None:
    tree = parse(target["expr"])
    labels = SCRAPE_LABELS | {label for selector in selectors(tree) for label in exposition[selector.metric]}
    assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= (grouping_labels(tree) or labels)


def test_the_error_rate_leaves_out_what_clients_did_wrong_and_no_more() -> None:
    (served_total,) = selectors(parse(RULE_EXPRESSIONS["instance:condenser_operations_served:increase5m"]))
    (failed,) = selectors(parse(RULE_EXPRESSIONS["instance:condenser_operations_failed:increase5m"]))
    assert served_total.values["outcome"] == clients_faults()
    assert failed.values["outcome"] == clients_faults() | {"ok"}


def test_the_embedded_model_is_the_one_that_may_be_on_the_cpu() -> None:
    (ratio, _) = selectors(parse(RULE_EXPRESSIONS["CondenserModelOnCPU"]))
    assert ratio.values["model"] == {DEFAULT_MODEL_NAME}
    assert DEFAULT_MODEL_NAME != MODEL


def test_a_metric_that_is_not_there_is_seen(exposition: Exposition) -> None:
    (selector,) = selectors(parse('rate(condenser_facts_total{result="lost"}[5m])'))
    with pytest.raises(AssertionError):
        assert_values_exist(selector, exposition[selector.metric])
    assert "condenser_fact_total" not in exposition


def test_every_panel_asks_the_chosen_prometheus_for_the_chosen_instances() -> None:
    for panel, target in PANEL_TARGETS:
        assert panel["datasource"]["uid"] == target["datasource"]["uid"] == "${datasource}"
        for selector in selectors(parse(target["expr"])):
            assert "instance" in selector.values


def test_the_dashboard_shows_all_that_it_is_for() -> None:
    read = {selector.metric for _, target in PANEL_TARGETS for selector in selectors(parse(target["expr"]))}
    assert read >= {
        "condenser_latency_seconds",
        "condenser_request_duration_seconds_bucket",
        "condenser_throughput_operations_per_minute",
        "condenser_queue_depth",
        "condenser_cost_savings_ratio",
        "condenser_tokens_total",
        "condenser_facts_total",
        "condenser_summary_sentences_total",
        "condenser_model_gpu_ratio",
        "condenser_engine_errors_total",
        "condenser_reader_tokens_saved_total",
        "condenser_reader_dollars_saved_total",
        "condenser_cache_total",
        "condenser_client_requests_total",
        "condenser_jobs",
        "condenser_upstream_up",
    }


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    places = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_compose_scrapes_as_the_plain_configuration_does() -> None:
    plain, compose = (
        yaml.safe_load((PROMETHEUS / name).read_text()) for name in ("prometheus.yml", "prometheus.compose.yml")
    )
    assert {**plain, "scrape_configs": None} == {**compose, "scrape_configs": None}


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_configuration() -> None:
    promtool("check", "config", "prometheus.yml")
    # Its key is there in the container only.
    promtool("check", "config", "--syntax-only", "prometheus.compose.yml")


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", *map(str, RULE_FILES))


@needs_promtool
def test_each_alert_fires_when_it_should_and_else_is_silent() -> None:
    promtool("test", "rules", "rules/tests.yml")


def test_each_alert_is_shown_firing_and_silent() -> None:
    shown = defaultdict(set)
    for scene in yaml.safe_load((PROMETHEUS / "rules" / "tests.yml").read_text())["tests"]:
        for case in scene["alert_rule_test"]:
            shown[case["alertname"]].add(bool(case.get("exp_alerts")))
    assert dict(shown) == {rule["alert"]: {True, False} for rule in rules() if "alert" in rule}
