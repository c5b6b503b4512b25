"""The doctor on recorded situations: what it finds, says and advises in each as a whole."""

import json
from typing import Any

import pytest

from app.ops.doctor.checks import examine
from app.ops.doctor.findings import State, has_failed
from app.ops.doctor.observations import from_json, to_json
from app.ops.doctor.presentation import WIDTH, report
from tests.unit.doctor_recordings import NAMES, finding, golden, recording, screen_of

FOUND: dict[str, dict[State, str]] = {
    "gpu_by_vulkan_all_well": {
        "ok": "ollama model processor gpu rocm vulkan device_access cap_perfmon speed memory context slots drop-ins"
    },
    "ollama_down": {"fail": "ollama", "ok": "drop-ins"},
    "slow_ollama": {"fail": "ollama", "ok": "drop-ins"},
    "model_missing": {"fail": "model", "warn": "gpu slots", "ok": "ollama"},
    "rocm_mismatch_on_cpu": {
        "fail": "processor gpu rocm vulkan device_access",
        "warn": "speed slots",
        "ok": "ollama model memory context drop-ins",
    },
    "partly_on_gpu_other_settings": {
        "warn": "processor cap_perfmon speed memory loads slots drop-ins",
        "ok": "ollama model gpu vulkan device_access context",
    },
    "no_rights": {
        "fail": "processor gpu",
        "warn": "vulkan speed",
        "unknown": "slots rights",
        "ok": "ollama model device_access memory context",
    },
    "not_root_by_hand_on_cpu": {"warn": "processor", "unknown": "slots rights", "ok": "ollama model memory context"},
    "started_by_hand_on_cpu": {"warn": "processor speed slots", "ok": "ollama model memory context"},
    "ollama_elsewhere": {"unknown": "machine slots", "ok": "ollama model processor speed context"},
    "embedded_engine": {"ok": "model llama.cpp memory speed"},
    "auto_without_ollama": {"ok": "engine model llama.cpp memory", "unknown": "speed"},
}


def test_every_recording_has_its_findings_named_here() -> None:
    assert set(FOUND) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_situation_gives_its_findings_and_no_others(name: str) -> None:
    expected = {(check.replace("_", " ") if check == "device_access" else check, state)
                for state, checks in FOUND[name].items() for check in checks.split()}  # fmt: skip
    assert {(result.name, result.state) for result in examine(recording(name))} == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_situation_gives_its_screen_to_the_letter(name: str) -> None:
    assert screen_of(name) == golden(name).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_situation_fits_one_screen(name: str) -> None:
    lines = screen_of(name).splitlines()
    assert len(lines) <= 45
    assert all(len(line) <= WIDTH for line in lines if not line.startswith("    "))  # commands are never wrapped


@pytest.mark.parametrize("name", NAMES)
def test_where_something_fails_there_is_a_command_that_mends_it(name: str) -> None:
    findings = examine(recording(name))
    wrong = [result for result in findings if result.state in ("fail", "warn")]
    assert not has_failed(findings) or any(result.command for result in wrong)


@pytest.mark.parametrize("name", NAMES)
def test_observations_survive_the_way_through_json(name: str) -> None:
    assert from_json(to_json(recording(name))) == recording(name)


def test_the_report_has_findings_and_observations() -> None:
    seen = recording("rocm_mismatch_on_cpu")
    written: dict[str, Any] = json.loads(report(seen, examine(seen)))
    assert [result["name"] for result in written["findings"]] == [result.name for result in examine(seen)]
    assert from_json(json.dumps(written["observations"])) == seen


def test_the_rocm_mismatch_is_explained_with_vulkan_as_the_way_out() -> None:
    rocm = finding(recording("rocm_mismatch_on_cpu"), "rocm")
    explanation = " ".join((rocm.sentence, *rocm.details))
    for words in (
        "Ollama brings ROCm 6.3.3",
        "the system has 7.2.0",
        "GPU discovery crashed",
        "6.3 in Ollama does not match ROCm 7.2",
        "no kernels for gfx906",
        "on the CPU without any error",
        "The solution is Vulkan",
    ):
        assert words in explanation


def test_the_way_out_of_the_rocm_mismatch_is_a_drop_in_the_render_group_and_a_restart() -> None:
    command = finding(recording("rocm_mismatch_on_cpu"), "rocm").command
    assert command is not None
    assert command.splitlines() == [
        "sudo usermod -aG render,video ollama",
        "sudo mkdir -p /etc/systemd/system/ollama.service.d",
        "printf '[Service]\\nEnvironment=\"OLLAMA_VULKAN=1\"\\n' | "
        "sudo tee /etc/systemd/system/ollama.service.d/vulkan.conf",
        "sudo systemctl daemon-reload && sudo systemctl restart ollama",
    ]


def test_a_command_that_several_findings_need_is_shown_once() -> None:
    shown = screen_of("rocm_mismatch_on_cpu")
    assert shown.count("OLLAMA_VULKAN=1") == 1
    assert "To fix rocm, vulkan, device access:" in shown


def test_a_mismatch_that_does_no_harm_is_no_fault() -> None:
    assert finding(recording("gpu_by_vulkan_all_well"), "rocm").state == "ok"


def test_without_rights_it_says_what_was_hidden_and_how_to_see_it() -> None:
    rights = finding(recording("no_rights"), "rights")
    assert "Ollama's log" in rights.sentence
    assert rights.command == "sudo -E /opt/condenser/.venv/bin/condenser doctor"


def test_what_root_could_not_see_either_has_no_command() -> None:
    seen = recording("no_rights")
    as_root = from_json(to_json(seen).replace('"is_root": false', '"is_root": true'))
    assert finding(as_root, "rights").command is None
