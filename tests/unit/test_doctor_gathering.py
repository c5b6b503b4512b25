"""What the doctor reads: logs, /proc, /sys, systemd's words and Ollama's answers, in the shapes they really have."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from typer.testing import CliRunner

from app.cli import cli
from app.ops.doctor.gathering.engines import ask
from app.ops.doctor.gathering.host import gpus, rocm_version
from app.ops.doctor.gathering.server import find_server, read_journal, read_unit
from app.ops.doctor.gathering.tools import CommandOutput, engine_variables
from app.ops.doctor.observations import Answers
from app.ops.doctor.ollama_log import MAX_LINES, Failure, read_log, telling_lines
from app.settings import describe, load_settings
from tests.unit.mocker import EVERY_TRANSPORT

URL = "http://192.0.2.1:11434"  # of no machine (RFC 5737), so that nothing of this one is judged
READYZ = "http://127.0.0.1:8000/readyz"
CONFIG = 'msg="server config" env="map[OLLAMA_HOST:http://127.0.0.1:11434 OLLAMA_NUM_PARALLEL:2 OLLAMA_VULKAN:false]"'
# Ollama v0.16.1 and v0.33, and issues ollama/ollama 12774, 13308 and 15153.
FAILURES = [
    (
        'msg="failure during GPU discovery" OLLAMA_LIBRARY_PATH="[/usr/lib/ollama /usr/lib/ollama/rocm]" '
        'extra_envs="map[GGML_CUDA_INIT:1 ROCR_VISIBLE_DEVICES:GPU-3ae513de0b7ca695]" '
        'error="failed to finish discovery before timeout"',
        Failure("rocm", "failed to finish discovery before timeout"),
    ),
    (
        'msg="failure during GPU discovery" OLLAMA_LIBRARY_PATH="[/usr/lib/ollama /usr/lib/ollama/cuda_v12]" '
        'extra_envs=map[GGML_CUDA_INIT:1] error="runner crashed"',
        Failure("cuda_v12", "runner crashed"),
    ),
    (
        'msg="failure during llama-server GPU discovery" OLLAMA_LIBRARY_PATH="[/usr/lib/ollama '
        '/usr/lib/ollama/rocm_v7_2]" extra_envs=map[] error="llama-server --list-devices failed: signal 11" detail=""',
        Failure("rocm_v7_2", "llama-server --list-devices failed: signal 11"),
    ),
]


@pytest.mark.parametrize(("line", "failure"), FAILURES)
def test_a_failed_discovery_names_the_folder_and_the_error(line: str, failure: Failure) -> None:
    assert read_log([line]).failures == (failure,)


def test_only_the_last_start_counts() -> None:
    facts = read_log([CONFIG, FAILURES[0][0], CONFIG.replace("PARALLEL:2", "PARALLEL:4")])
    assert facts.failures == ()
    assert facts.variable("OLLAMA_NUM_PARALLEL") == "4"


def test_a_variable_that_the_log_does_not_have_is_none() -> None:
    assert read_log([CONFIG]).variable("OLLAMA_MAX_QUEUE") is None


@pytest.mark.parametrize(
    "line",
    [
        'msg=load request="{Operation:commit LoraPath:[] Parallel:3 BatchSize:512 FlashAttention:Auto KvSize:12288}"',
        'msg="starting llama-server" cmd="/usr/lib/ollama/llama-server --port 49821 --offline -c 12288 -np 3 --jinja"',
    ],
)
def test_the_slots_of_the_loaded_model_are_read(line: str) -> None:
    assert read_log([line]).parallel == 3


def test_layers_on_the_gpu_are_those_of_the_last_load() -> None:
    assert read_log(["offloaded 0/29 layers to GPU", "load_tensors: offloaded 17/29 layers to GPU"]).offloaded == (
        17,
        29,
    )


def test_a_busy_log_keeps_the_start_and_the_end() -> None:
    loads = [f'msg="offloaded {n}/999 layers to GPU"' for n in range(5_000)]
    kept = telling_lines([CONFIG, *loads, "[GIN] 200 | 1.4s | POST /api/chat"])
    assert len(kept) == MAX_LINES
    assert kept[0] == CONFIG
    assert kept[-1] == loads[-1]


@pytest.mark.parametrize(
    ("files", "version"),
    [
        (["libamdhip64.so.6.3.60303", "libamdhip64.so.6", "librocblas.so.4"], "6.3.3"),
        (["libhsa-runtime64.so.1.18.70201"], "7.2.1"),
        (["librocblas.so.4.3.60303", "libggml-hip.so"], "6.3.3"),
        (["libggml-hip.so"], None),
    ],
)
def test_the_rocm_release_is_in_the_names_of_its_libraries(files: list[str], version: str | None) -> None:
    assert rocm_version(files) == version


def test_gpus_come_from_the_kernel_with_their_target_and_memory(tmp_path: Path) -> None:
    device = tmp_path / "class/drm/renderD128/device"
    node = tmp_path / "class/kfd/kfd/topology/nodes/1"
    device.mkdir(parents=True)
    node.mkdir(parents=True)
    (device / "vendor").write_text("0x1002\n")
    (device / "mem_info_vram_total").write_text("17163091968\n")
    (device / "mem_info_vram_used").write_text("10850304\n")
    (node / "properties").write_text("cpu_cores_count 0\ngfx_target_version 90006\ndrm_render_minor 128\n")
    gpu = next(gpus(tmp_path))
    assert (gpu.vendor, gpu.gfx, gpu.memory_total) == ("AMD", "gfx906", 17_163_091_968)


def make_process(
    proc: Path, pid: int, *, port_inode: int | None, cgroup: str, environ: str | None = None, state: str = "0A"
) -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "net").mkdir()
    (folder / "cmdline").write_text("/usr/local/bin/ollama\0serve\0")
    (folder / "status").write_text(
        f"Name:\tollama\nUid:\t0\t0\t0\t0\nGid:\t7\t7\t7\t7\nGroups:\t44 992 \nCapEff:\t{1 << 38:x}\n"
    )
    (folder / "cgroup").write_text(f"0::{cgroup}\n")
    if environ is not None:
        (folder / "environ").write_text(environ)
    if port_inode is not None:
        (folder / "fd" / "3").symlink_to(f"socket:[{port_inode}]")
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = (
        f"   0: 0100007F:2CAA 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0  0 {port_inode} 1 0 100\n"
    )
    (folder / "net" / "tcp").write_text(header + row)


def test_the_server_is_the_process_that_listens_on_the_port(tmp_path: Path) -> None:
    make_process(tmp_path, 10, port_inode=None, cgroup="/user.slice")
    make_process(tmp_path, 11, port_inode=777, cgroup="/system.slice/ollama.service", environ="A=1\0OLLAMA_VULKAN=1\0")
    process, blind = find_server(11434, 0, tmp_path)
    assert process is not None
    assert (process.pid, process.groups, process.started_by) == (11, (7, 44, 992), "systemd")
    assert process.environment == {"OLLAMA_VULKAN": "1"}
    assert process.effective_capabilities == 1 << 38
    assert blind == ()


def test_a_connection_from_the_port_is_no_listener(tmp_path: Path) -> None:
    make_process(tmp_path, 10, port_inode=776, cgroup="/user.slice", state="01")
    assert find_server(11434, 0, tmp_path) == (None, ())


def test_a_process_of_another_user_is_found_without_its_environment(tmp_path: Path) -> None:
    make_process(tmp_path, 11, port_inode=None, cgroup="/system.slice/docker-0b1c.scope")
    process, blind = find_server(11434, 0, tmp_path)
    assert process is not None
    assert (process.started_by, process.environment) == ("container", None)
    assert [spot.what for spot in blind] == ["the environment of Ollama's process"]


def test_of_several_hidden_processes_none_is_guessed(tmp_path: Path) -> None:
    make_process(tmp_path, 10, port_inode=None, cgroup="/user.slice")
    make_process(tmp_path, 11, port_inode=None, cgroup="/user.slice")
    assert find_server(11434, 0, tmp_path) == (None, ())


def test_secrets_in_an_environment_are_never_kept() -> None:
    environment = {"OLLAMA_HOST": "0.0.0.0", "HTTPS_PROXY": "http://me:secret@proxy", "AWS_SECRET_ACCESS_KEY": "x"}
    assert engine_variables(environment) == {"OLLAMA_HOST": "0.0.0.0"}


def test_a_unit_has_the_variables_of_its_files_and_of_systemd(tmp_path: Path) -> None:
    fragment, drop_in = tmp_path / "ollama.service", tmp_path / "vulkan.conf"
    fragment.write_text('[Service]\nExecStart=/usr/bin/ollama serve\nEnvironment="PATH=/usr/bin"\n')
    drop_in.write_text('[Service]\n# Environment=OLLAMA_DEBUG=1\nEnvironment="OLLAMA_VULKAN=1" OLLAMA_NUM_PARALLEL=4\n')
    unit = read_unit(
        {
            "ActiveState": "active",
            "MainPID": "1893",
            "User": "ollama",
            "FragmentPath": str(fragment),
            "DropInPaths": str(drop_in),
            "Environment": "PATH=/usr/bin OLLAMA_VULKAN=1 OLLAMA_NUM_PARALLEL=4",
            "NeedDaemonReload": "no",
        }
    )
    assert unit.environment == {"OLLAMA_VULKAN": "1", "OLLAMA_NUM_PARALLEL": "4"}
    assert [file.environment for file in unit.files] == [{}, unit.environment]


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("Hint: You are currently not seeing messages from other users and the system.\n", "adm and systemd-journal"),
        ("No journal files were opened due to insufficient permissions.\n", "adm and systemd-journal"),
        ("No journal files were found.\n", "nothing of Ollama's last start"),
    ],
)
def test_a_journal_that_shows_nothing_says_why(output: str, why: str) -> None:
    log, blind = read_journal(CommandOutput("-- No entries --\n", output, 0))
    assert log.source is None
    assert why in blind[0].why


def test_a_journal_is_read_even_where_it_hints_at_more() -> None:
    log, blind = read_journal(
        CommandOutput(f"{CONFIG}\n", "Hint: You are currently not seeing messages from other users", 0)
    )
    assert (log.lines, blind) == ((CONFIG,), ())


@pytest.fixture
def plain_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*(name for name, _, _ in describe()), "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONDENSER_OLLAMA_URL", URL)


@pytest.fixture
def ollama(plain_settings: None) -> Any:
    model = {"name": "qwen2.5:7b-instruct", "size": 4683087332}
    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.get("/api/version").respond(json={"version": "0.16.1"})
        router.get("/api/tags").respond(json={"models": [model]})
        router.get("/api/ps").respond(json={"models": [model | {"size_vram": 0, "context_length": 4096}]})
        router.post("/api/show").respond(json={"details": {"family": "qwen2"}, "model_info": {}, "capabilities": []})
        lines = [
            {"message": {"content": "The"}, "done": False},
            {"message": {"content": ""}, "done": True, "load_duration": 58_000_000, "prompt_eval_count": 296,
             "eval_count": 48, "eval_duration": 800_000_000},
        ]  # fmt: skip
        router.post("/api/chat").respond(text="\n".join(map(json.dumps, lines)))
        router.get(READYZ, name="readyz").mock(side_effect=httpx.ConnectError("refused"))
        yield router


async def asked(**options: Any) -> Answers:
    settings = load_settings()
    return await ask(settings, settings.ollama_url, **({"with_call": True, "timeout_s": 5.0} | options))


@pytest.mark.anyio
async def test_the_call_is_timed_by_its_stream(ollama: Any) -> None:
    call = (await asked()).call
    assert call is not None
    assert (call.prompt_tokens, call.completion_tokens, call.load_s) == (296, 48, 0.058)
    assert call.tokens_per_second == pytest.approx(60.0)


@pytest.mark.anyio
async def test_the_call_has_the_services_own_options_so_that_nothing_is_reloaded(ollama: Any) -> None:
    await asked()
    sent = _sent(ollama)
    assert sent["options"]["num_ctx"] == load_settings().num_ctx
    assert sent["keep_alive"] == load_settings().keep_alive
    assert sent["truncate"] is False
    assert "shift" not in sent


def _sent(router: Any) -> dict[str, Any]:
    (call,) = [call for call in router.calls if call.request.url.path == "/api/chat"]
    body: dict[str, Any] = json.loads(call.request.content)
    return body


@pytest.mark.anyio
async def test_without_a_call_no_model_is_run(ollama: Any) -> None:
    assert (await asked(with_call=False)).call is None
    assert not [call for call in ollama.calls if call.request.url.path == "/api/chat"]


@pytest.mark.anyio
async def test_a_model_that_is_not_there_is_not_called(ollama: Any) -> None:
    ollama.post("/api/show").respond(404, json={"error": "model 'qwen2.5:7b-instruct' not found"})
    assert (await asked()).call is None


@pytest.mark.anyio
async def test_an_error_inside_of_the_stream_is_the_calls_problem(ollama: Any) -> None:
    ollama.post("/api/chat").respond(text='{"error":"llama runner process has terminated: signal: killed"}\n')
    call = (await asked()).call
    assert call is not None
    assert call.problem == "llama runner process has terminated: signal: killed"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "words", "timed_out"),
    [
        ({"side_effect": httpx.ConnectError("All connection attempts failed")}, "nothing accepts connections", False),
        ({"side_effect": httpx.ReadTimeout("")}, "no answer within 5 s", True),
        ({"return_value": httpx.Response(200, text="<html>")}, "the server that answers is not Ollama", False),
        ({"return_value": httpx.Response(200, json=[])}, "the server that answers is not Ollama", False),
        ({"return_value": httpx.Response(502)}, "it answered 502 to /api/version", False),
    ],
)
async def test_no_answer_is_described_in_words(ollama: Any, answer: Any, words: str, timed_out: bool) -> None:
    ollama.get("/api/version").mock(**answer)
    answers = await asked()
    assert (answers.problem, answers.timed_out) == (words, timed_out)


def doctor(*options: str) -> Any:
    return CliRunner().invoke(cli, ["doctor", *options])


def test_a_dead_ollama_ends_the_command_with_1(ollama: Any) -> None:
    ollama.get("/api/version").mock(side_effect=httpx.ConnectError("All connection attempts failed"))
    done = doctor()
    assert done.exit_code == 1
    assert f"No Ollama at {URL}: nothing accepts connections." in done.stdout


def test_a_running_ollama_ends_the_command_with_0_and_json_on_request(ollama: Any) -> None:
    ollama.get("/api/ps").respond(json={"models": []})
    done = doctor("--json", "--no-call")
    assert done.exit_code == 0
    assert {"findings", "observations"} == set(json.loads(done.stdout))


def test_what_the_running_service_warns_of_is_reported(ollama: Any) -> None:
    ready = {"ready": True, "engine": "ollama", "problem": None, "warning": "only 12% of the last sentences passed"}
    ollama["readyz"].mock(side_effect=None, return_value=httpx.Response(200, json=ready))
    assert "only 12% of the last sentences passed" in doctor("--no-call").stdout


def test_a_service_is_not_asked_to_compress_where_ollama_itself_is_measured(ollama: Any) -> None:
    ready = {"ready": True, "engine": "ollama", "problem": None, "warning": None}
    ollama["readyz"].mock(side_effect=None, return_value=httpx.Response(200, json=ready))
    doctor()
    assert "/compress" not in {call.request.url.path for call in ollama.calls}


def test_a_bad_setting_ends_the_command_with_2(plain_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_NUM_CTX", "x")
    done = doctor()
    assert done.exit_code == 2
    assert "CONDENSER_NUM_CTX" in done.stderr


def test_no_colour_leaves_the_output_of_a_pipe(ollama: Any) -> None:
    assert "\x1b[" not in doctor("--no-call").stdout
