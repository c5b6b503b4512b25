"""Single checks of the doctor: a recorded situation with one thing changed."""

from dataclasses import replace
from typing import Any

import pytest

from app.ops.doctor.checks import examine
from app.ops.doctor.observations import (
    Answers,
    BlindSpot,
    Call,
    Gpu,
    Host,
    Installed,
    Observations,
    Rocm,
    Server,
    Service,
    Unit,
    UnitFile,
)
from tests.unit.doctor_recordings import finding, recording

DISCOVERED_CPU = 'msg="inference compute" id=cpu library=cpu description=cpu total="62.7 GiB"'


def well() -> Observations:
    return recording("gpu_by_vulkan_all_well")


def on_cpu() -> Observations:
    return recording("rocm_mismatch_on_cpu")


def answers(seen: Observations) -> Answers:
    assert seen.answers is not None
    return seen.answers


def server(seen: Observations) -> Server:
    assert seen.server is not None
    return seen.server


def unit(seen: Observations) -> Unit:
    assert seen.unit is not None
    return seen.unit


def with_answers(seen: Observations, **changed: Any) -> Observations:
    return replace(seen, answers=replace(answers(seen), **changed))


def with_host(seen: Observations, **changed: Any) -> Observations:
    return replace(seen, host=replace(seen.host, **changed))


def with_settings(seen: Observations, **changed: Any) -> Observations:
    return replace(seen, configured=replace(seen.configured, **changed))


def with_log(seen: Observations, *lines: str) -> Observations:
    return replace(seen, log=replace(seen.log, lines=(*seen.log.lines, *lines)))


def names(seen: Observations) -> set[str]:
    return {result.name for result in examine(seen)}


def test_further_ollamas_that_serve_are_well() -> None:
    seen = well()
    assert finding(replace(seen, others=(("http://gpu2:11434", answers(seen)),)), "others").state == "ok"


def test_further_ollamas_that_can_not_serve_are_named_with_what_to_do() -> None:
    seen = well()
    without = replace(answers(seen), installed=())
    down = Answers(problem="nothing accepts connections")
    others = finding(replace(seen, others=(("http://gpu2:11434", without), ("http://gpu3:11434", down))), "others")
    assert others.state == "warn"
    assert "2 of 2" in others.sentence
    assert others.command is not None
    assert f"OLLAMA_HOST=http://gpu2:11434 ollama pull {seen.configured.model}" in others.command
    assert "curl http://gpu3:11434/api/version" in others.command


def test_ollama_that_is_not_installed_is_to_be_installed() -> None:
    seen = replace(recording("ollama_down"), unit=None, host=Host())
    assert finding(seen, "ollama").command == "curl -fsSL https://ollama.com/install.sh | sh"


def test_ollama_that_is_installed_without_a_unit_is_to_be_started() -> None:
    seen = replace(recording("ollama_down"), unit=None)
    assert finding(seen, "ollama").command == "ollama serve"


def test_a_stopped_unit_is_to_be_started() -> None:
    seen = recording("ollama_down")
    seen = replace(seen, unit=replace(unit(seen), active_state="inactive"))
    assert finding(seen, "ollama").command == "sudo systemctl enable --now ollama"


def test_a_unit_that_runs_elsewhere_points_at_the_address() -> None:
    seen = recording("ollama_down")
    ollama = finding(replace(seen, unit=replace(unit(seen), active_state="active")), "ollama")
    assert "CONDENSER_OLLAMA_URL" in (ollama.command or "")


def test_a_failed_unit_shows_why_it_ended() -> None:
    assert "permission denied" in " ".join(finding(recording("ollama_down"), "ollama").details)


def test_an_old_ollama_without_vulkan_is_to_be_updated() -> None:
    seen = with_answers(on_cpu(), version="0.12.10")
    assert finding(seen, "ollama").state == "warn"
    assert "install.sh" in (finding(seen, "vulkan").command or "")


def test_names_without_a_tag_mean_latest_as_in_ollama() -> None:
    seen = with_settings(well(), model="Nomic-Embed-Text")
    assert finding(seen, "model").state == "ok"


def test_another_tag_of_the_wanted_model_is_named() -> None:
    seen = with_answers(with_settings(well(), model="smollm2"), installed=(Installed("smollm2:135m", 1),))
    model = finding(seen, "model")
    assert "no smollm2:latest (CONDENSER_MODEL), but smollm2:135m" in model.sentence
    assert (model.command or "").startswith("export CONDENSER_MODEL=smollm2:135m")


def test_a_model_of_another_machine_is_pulled_there() -> None:
    seen = with_settings(recording("ollama_elsewhere"), model="llama3.2")
    assert finding(seen, "model").command == "OLLAMA_HOST=http://gpu-box:11434 ollama pull llama3.2"


def test_a_model_that_is_not_loaded_and_not_called_is_unknown() -> None:
    seen = with_answers(well(), loaded=(), loaded_after_call=(), call=None)
    assert finding(seen, "processor").state == "unknown"


def test_a_model_on_the_cpu_of_a_machine_without_gpu_is_no_failure() -> None:
    seen = with_host(on_cpu(), gpus=(), nodes=())
    assert finding(seen, "processor").state == "warn"
    assert not {"rocm", "vulkan", "device access"} & names(seen)


def test_a_gpu_left_unused_for_no_visible_reason_sends_the_reader_to_the_log() -> None:
    nvidia = Gpu("NVIDIA", "H100 80GB HBM3", "", 85_520_809_984, 0)
    seen = with_host(on_cpu(), gpus=(nvidia,), bundled_rocm=(), system_rocm=())
    assert "journalctl -u ollama" in (finding(seen, "processor").command or "")


def test_layers_are_not_reported_where_they_may_be_another_models() -> None:
    seen = on_cpu()
    other = answers(seen).loaded[0].model_copy(update={"name": "nomic-embed-text:latest"})
    assert "0 of 29 layers" in finding(seen, "processor").sentence
    assert (
        "layers"
        not in finding(with_answers(seen, loaded_after_call=(*answers(seen).loaded, other)), "processor").sentence
    )


def test_an_integrated_gpu_that_ollama_drops_is_to_be_enabled() -> None:
    dropped = 'level=INFO msg="dropping integrated GPU; to enable, set OLLAMA_IGPU_ENABLE=1" id=0 library=Vulkan'
    gpu = finding(with_log(on_cpu(), dropped), "gpu")
    assert "OLLAMA_IGPU_ENABLE=1" in (gpu.command or "")


@pytest.mark.parametrize(("version", "is_on"), [("0.16.1", False), ("0.29.9", False), ("0.30.0", True)])
def test_vulkan_without_a_setting_is_on_from_0_30(version: str, is_on: bool) -> None:
    seen = replace(with_answers(on_cpu(), version=version), log=replace(on_cpu().log, lines=(DISCOVERED_CPU,)))
    assert ("OLLAMA_VULKAN=1" in (finding(seen, "vulkan").command or "")) is not is_on


@pytest.mark.parametrize("value", ["0", "false", "F"])
def test_vulkan_that_was_turned_off_is_to_be_turned_on(value: str) -> None:
    seen = with_answers(on_cpu(), version="0.33.0")
    seen = replace(seen, server=replace(server(seen), environment={"OLLAMA_VULKAN": value}))
    assert "OLLAMA_VULKAN=1" in (finding(seen, "vulkan").command or "")


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install mesa-vulkan-drivers"),
        ("dnf", "sudo dnf install mesa-vulkan-drivers"),
        ("pacman", "sudo pacman -S vulkan-radeon"),
    ],
)
def test_a_missing_vulkan_driver_is_to_be_installed(manager: str, command: str) -> None:
    only_llvmpipe = ("/usr/share/vulkan/icd.d/lvp_icd.json",)
    seen = with_host(on_cpu(), vulkan_drivers=only_llvmpipe, package_manager=manager)
    vulkan = finding(seen, "vulkan")
    assert "No Vulkan driver for AMD" in vulkan.sentence
    assert command in (vulkan.command or "").splitlines()


def test_the_rocm_mismatch_with_vulkan_already_on_asks_for_what_vulkan_lacks() -> None:
    seen = with_host(with_answers(on_cpu(), version="0.33.0"), vulkan_drivers=())
    seen = replace(seen, log=replace(seen.log, lines=(seen.log.lines[3], DISCOVERED_CPU)))
    command = finding(seen, "rocm").command or ""
    assert "mesa-vulkan-drivers" in command
    assert "OLLAMA_VULKAN" not in command


def test_a_rocblas_error_in_the_log_counts_as_a_crash() -> None:
    words = "rocBLAS error: Cannot read /usr/local/lib/ollama/rocm/rocblas/library/TensileLibrary.dat: No such file"
    seen = replace(on_cpu(), log=replace(on_cpu().log, lines=(words, DISCOVERED_CPU)))
    assert "crashed" in finding(seen, "rocm").sentence


def test_the_same_rocm_on_both_sides_is_no_mismatch() -> None:
    same = Rocm("/opt/rocm-6.3.1", "6.3.1")
    assert "does not match" not in " ".join(finding(with_host(on_cpu(), system_rocm=(same,)), "rocm").details)


def test_an_overridden_gfx_version_is_reported() -> None:
    seen = on_cpu()
    seen = replace(seen, server=replace(server(seen), environment={"HSA_OVERRIDE_GFX_VERSION": "9.0.8"}))
    assert "HSA_OVERRIDE_GFX_VERSION=9.0.8" in " ".join(finding(seen, "rocm").details)


def test_a_user_outside_the_render_group_is_to_join_it() -> None:
    access = finding(on_cpu(), "device access")
    assert "not in the group render" in access.sentence
    assert "sudo usermod -aG render,video ollama" in (access.command or "")


def test_a_user_that_joined_after_the_start_needs_a_restart_only() -> None:
    seen = with_host(on_cpu(), user_groups={"ollama": (44, 992, 997)})
    access = finding(seen, "device access")
    assert "after Ollama started" in access.sentence
    assert "usermod" not in (access.command or "")


def test_root_needs_no_group() -> None:
    seen = on_cpu()
    assert finding(replace(seen, server=replace(server(seen), user="root", uid=0)), "device access").state == "ok"


def test_a_gpu_without_a_render_node_lacks_its_kernel_driver() -> None:
    assert "not loaded" in finding(with_host(on_cpu(), nodes=()), "device access").sentence


def test_ollama_in_a_container_gets_its_variables_from_docker() -> None:
    seen = on_cpu()
    seen = replace(seen, unit=None, server=replace(server(seen), started_by="container"))
    command = finding(seen, "vulkan").command or ""
    assert "docker run" in command
    assert "systemctl" not in command


def test_an_embedding_model_loaded_last_does_not_hide_the_slots() -> None:
    assert (
        finding(with_log(well(), 'msg=load request="{Operation:commit Parallel:1 KvSize:2048}"'), "slots").state == "ok"
    )


def test_more_calls_than_slots_ask_for_a_drop_in() -> None:
    slots = finding(on_cpu(), "slots")
    assert "OLLAMA_NUM_PARALLEL=4" in (slots.command or "")


def test_more_calls_than_slots_that_fit_ask_for_fewer_calls() -> None:
    small = Gpu("AMD", "", "gfx906", 6_500_000_000, 0)
    command = finding(with_host(on_cpu(), gpus=(small,)), "slots").command or ""
    assert "CONDENSER_MAX_CONCURRENCY" in command


def test_fewer_calls_than_slots_leave_slots_empty() -> None:
    slots = finding(with_settings(well(), max_concurrency=2), "slots")
    assert slots.command is not None
    assert slots.command.startswith("export CONDENSER_MAX_CONCURRENCY=4")


def test_a_family_that_ollama_serves_in_one_slot_only_is_reported() -> None:
    assert "one call at a time" in finding(with_answers(well(), family="qwen3vl"), "slots").sentence


def test_a_longer_context_than_the_model_was_made_for_is_reported() -> None:
    context = finding(with_settings(well(), num_ctx=65_536), "context")
    assert "supports 32768" in context.sentence


def loaded_with(seen: Observations, num_ctx: int) -> Observations:
    (row,) = answers(seen).loaded_after_call or answers(seen).loaded
    return with_answers(seen, loaded=(row.model_copy(update={"context_length": num_ctx}),))


def test_a_longer_context_that_another_program_loaded_the_model_with_is_taken() -> None:
    context = finding(loaded_with(well(), 8192), "context")
    assert context.state == "ok"
    assert context.sentence.startswith("8192 tokens a call")


def test_a_shorter_context_that_another_program_loaded_the_model_with_is_reported() -> None:
    context = finding(loaded_with(well(), 2048), "context")
    assert context.state == "warn"
    assert "2048" in context.sentence


def test_a_loaded_model_that_is_loaded_again_for_our_call_is_reported() -> None:
    seen = loaded_with(well(), 4096)
    call = answers(seen).call
    assert call is not None
    loads = finding(with_answers(seen, call=replace(call, load_s=1.9)), "loads")
    assert (loads.state, "1.9 s" in loads.sentence) == ("warn", True)
    assert "loads" not in names(with_answers(seen, call=replace(call, load_s=0.2)))
    assert "loads" not in names(with_answers(seen, loaded=(), call=replace(call, load_s=1.9)))


def test_a_log_of_another_server_is_not_believed() -> None:
    seen = with_settings(recording("started_by_hand_on_cpu"), ollama_url="http://127.0.0.1:11434")
    seen = replace(seen, server=None)
    assert finding(seen, "slots").state == "unknown"


def test_drop_ins_that_were_changed_but_not_loaded_are_reported() -> None:
    seen = well()
    drop_ins = finding(replace(seen, unit=replace(unit(seen), needs_reload=True)), "drop-ins")
    assert drop_ins.state == "warn"
    assert drop_ins.command == "sudo systemctl daemon-reload && sudo systemctl restart ollama"


def test_a_drop_in_that_the_running_server_does_not_have_yet_is_reported() -> None:
    seen = well()
    drop_ins = finding(
        replace(seen, server=replace(server(seen), environment={"OLLAMA_NUM_PARALLEL": "4"})), "drop-ins"
    )
    assert "OLLAMA_VULKAN=1" in drop_ins.sentence
    assert drop_ins.state == "warn"


def test_drop_ins_that_agree_do_not_contradict() -> None:
    seen = well()
    twice = (UnitFile("/a.conf", {"OLLAMA_VULKAN": "1"}), UnitFile("/b.conf", {"OLLAMA_VULKAN": "1"}))
    assert finding(replace(seen, unit=replace(unit(seen), files=twice)), "drop-ins").state == "ok"


def test_a_quantized_cache_takes_half_the_memory() -> None:
    seen = well()
    environment = {"OLLAMA_NUM_PARALLEL": "4", "OLLAMA_VULKAN": "1", "OLLAMA_KV_CACHE_TYPE": "q8_0"}
    assert "476 MiB" in finding(replace(seen, server=replace(server(seen), environment=environment)), "memory").sentence


def test_unloading_after_each_call_is_a_failure() -> None:
    assert finding(with_settings(well(), keep_alive="0"), "settings").state == "fail"


def test_a_real_call_that_fails_is_a_failure() -> None:
    speed = finding(with_answers(well(), call=Call(problem="no complete answer within 60 s")), "speed")
    assert speed.state == "fail"
    assert "no complete answer within 60 s" in speed.sentence


def test_loading_does_not_count_as_time_to_the_first_token() -> None:
    call = Call(first_token_s=9.5, load_s=9.2, completion_tokens=50, decode_s=1.0)
    assert finding(with_answers(well(), call=call), "speed").state == "ok"


def test_a_missing_embedded_model_is_to_be_fetched() -> None:
    seen = recording("embedded_engine")
    assert seen.embedded is not None
    model = finding(replace(seen, embedded=replace(seen.embedded, model_bytes=None)), "model")
    assert model.command == "/opt/condenser/.venv/bin/condenser fetch-model"


def test_a_llama_cpp_that_does_not_load_is_a_failure() -> None:
    seen = recording("embedded_engine")
    assert seen.embedded is not None
    broken = replace(seen.embedded, xllamacpp_problem="loading it ended with signal 4")
    assert finding(replace(seen, embedded=broken), "llama.cpp").state == "fail"


def test_a_service_whose_model_writes_in_vain_is_warned_of() -> None:
    message = "only 12% of the last sentences of qwen2.5:7b-instruct passed the check"
    warning = finding(replace(well(), service=Service("http://127.0.0.1:8000", "ollama", warning=message)), "warning")
    assert warning.state == "warn"
    assert message in warning.sentence


def test_a_service_that_warns_of_nothing_needs_no_word() -> None:
    assert "warning" not in names(replace(well(), service=Service("http://127.0.0.1:8000", "ollama")))


def test_nothing_hidden_needs_no_word_about_rights() -> None:
    assert "rights" not in names(well())
    assert "rights" in names(replace(well(), blind_spots=(BlindSpot("a thing", "a reason"),)))
