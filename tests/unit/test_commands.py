"""The commands for people, against a service that respx plays: outputs, sentences and exit codes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import respx
from typer.testing import CliRunner, Result

from app.api.batch_schemas import BatchRequest
from app.api.examples import CAPSULE, COMPRESSED, TEXT
from app.api.schemas import CompressRequest, ReconstructRequest
from app.cli import cli
from app.compression import compressor
from app.ops import options
from app.ops.exits import DONE, FAILED, PARTLY, UNREACHABLE, USAGE

URL = "http://condenser.test"
COMMANDS = "acceptance batch compress diff doctor fetch-model hash-key models reconstruct serve status".split()


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--url", URL], input=given)


def problem(status: int, title: str, detail: str) -> httpx.Response:
    return httpx.Response(status, json={"title": title, "detail": detail, "status": status})


@pytest.fixture
def service() -> Iterator[respx.MockRouter]:
    """A service that compresses everything to the example's answer."""
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        router.post("/compress").respond(json=COMPRESSED)
        router.post("/reconstruct").respond(json={"text": "räksmörgås\r\n", "mode": "exact", "verified": True})
        router.post("/batch").mock(side_effect=batch_answer)
        yield router


def batch_answer(request: httpx.Request) -> httpx.Response:
    """A line for each item; a text with `bad` in it fails."""
    lines: list[dict[str, Any]] = []
    for index, item in enumerate(json.loads(request.content)["items"]):
        bad = "bad" in item.get("text", "")
        outcome = {"problem": {"title": "Bad", "detail": "it is"}} if bad else {"result": {"compressed": item["text"]}}
        lines.append({"index": index, **outcome})
    return httpx.Response(200, text="".join(json.dumps(line) + "\n" for line in reversed(lines)))


def sent(service: respx.MockRouter, path: str) -> list[dict[str, Any]]:
    return [json.loads(call.request.content) for call in service.calls if call.request.url.path == path]


def test_compress_writes_the_short_text_alone_to_standard_output(service: respx.MockRouter, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    result = run("compress", str(tmp_path / "a.txt"))
    assert (result.exit_code, result.stdout) == (DONE, COMPRESSED["compressed"] + "\n")
    assert "facts" in result.stderr


def test_compress_passes_on_what_is_wished(service: respx.MockRouter) -> None:
    wishes = ["--target-ratio", "0.3", "--question", "When?", "--must-keep", "a", "--must-keep", "b", "--model", "m:1"]
    run("compress", "-", "--fidelity", "semantic", *wishes, given="Hallo\n")
    wished = {"target_ratio": 0.3, "question": "When?", "must_keep": ["a", "b"], "model": "m:1"}
    assert sent(service, "/compress") == [{"text": "Hallo\n", "fidelity": "semantic", **wished}]


def test_short_options_are_those_wishes_too(service: respx.MockRouter) -> None:
    run("compress", *"-r 0.3 -Q When? -k a -k b -m m:1 -f semantic -M extractive -t python".split(), given="Hallo\n")
    wished = {"target_ratio": 0.3, "question": "When?", "must_keep": ["a", "b"], "model": "m:1"}
    wished |= {"method": "extractive", "content_type": "python", "fidelity": "semantic"}
    assert sent(service, "/compress") == [{"text": "Hallo\n", **wished}]


@pytest.mark.parametrize("command", ["compress", "reconstruct"])
def test_a_pipe_is_read_without_a_dash(service: respx.MockRouter, command: str) -> None:
    assert run(command, given=json.dumps(COMPRESSED)).exit_code == DONE


def test_quiet_leaves_nothing_on_standard_error(service: respx.MockRouter) -> None:
    result = run("compress", "-q", given="Hallo")
    assert (result.stdout, result.stderr) == (COMPRESSED["compressed"] + "\n", "")


def test_the_capsule_goes_to_a_file(service: respx.MockRouter, tmp_path: Path) -> None:
    run("compress", "-", "--capsule", str(tmp_path / "c.json"), given="Hallo")
    assert json.loads((tmp_path / "c.json").read_text()) == CAPSULE


def test_json_is_the_whole_answer(service: respx.MockRouter) -> None:
    result = run("compress", "-", "--json", given="Hallo")
    assert (json.loads(result.stdout), result.stderr) == (COMPRESSED, "")


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        (["--method", "extractive"], {"method": "extractive"}),
        (["--coverage", "0.9"], {"coverage": 0.9}),
        (["--content-type", "text/csv"], {"content_type": "text/csv"}),
        ([], {}),
    ],
)
def test_options_are_sent_where_they_are_given(
    service: respx.MockRouter, options: list[str], fields: dict[str, object]
) -> None:
    assert run("compress", "-", *options, given="Hallo").exit_code == DONE
    assert sent(service, "/compress") == [{"text": "Hallo", "fidelity": "exact", **fields}]


@pytest.mark.parametrize(
    "given",
    [
        json.dumps(CAPSULE),
        json.dumps(COMPRESSED),
        json.dumps({"name": "a", "key": "k", "result": COMPRESSED}),
    ],
)
def test_reconstruct_writes_the_text_byte_for_byte(service: respx.MockRouter, given: str | bytes) -> None:
    result = run("reconstruct", "-", given=given)
    assert (result.exit_code, result.stdout_bytes) == (DONE, "räksmörgås\r\n".encode())


@pytest.mark.parametrize(
    ("arguments", "given", "sentence"),
    [
        (["compress", "nowhere.txt"], None, "can't read nowhere.txt: No such file or directory"),
        (["compress", "/"], None, "can't read /: Is a directory"),
        (["compress", "-"], "", "standard input is empty"),
        (["compress", "-"], b"abc\xff", "standard input is not UTF-8 text (byte 3)"),
        (["compress", "-", "--fidelity", "half"], "a", "'half' is not one of 'exact', 'semantic'"),
        (["compress", "-", "--method", "best"], "a", "'best' is not one of 'auto', 'abstractive', 'extractive'"),
        (["compress", "-", "--coverage", "0"], "a", "--coverage must be above 0"),
        (["compress", "-", "--coverage", "1", "--target-ratio", "1"], "a", "can't be given together"),
        (["compress", "-", "--capsule", "/nowhere/c"], "a", "can't write /nowhere/c: No such file or directory"),
        (["reconstruct", "-"], "no json", "standard input is not JSON"),
        (["reconstruct", "-"], "{}", "standard input contains no capsule"),
        (["batch", "nowhere.jsonl", "--out", "o"], None, "can't read nowhere.jsonl: No such file or directory"),
        (["batch", "/", "--out", "o", "--operation", "x"], None, "'x' is not one of 'compress', 'reconstruct'"),
    ],
)
def test_wrong_input_ends_in_a_sentence(
    service: respx.MockRouter, arguments: list[str], given: str | bytes | None, sentence: str
) -> None:
    result = run(*arguments, given=given)
    assert result.exit_code == USAGE
    assert sentence in result.stderr
    assert result.stdout == ""


def test_what_the_service_refuses_is_reported_in_its_words() -> None:
    with respx.mock(base_url=URL) as router:
        router.post("/compress").mock(return_value=problem(404, "Unknown model", "get it with: ollama pull x"))
        result = run("compress", "-", given="a")
    assert (result.exit_code, result.stderr) == (FAILED, "condenser: Unknown model: get it with: ollama pull x\n")


def test_where_no_service_answers_the_way_to_start_it_is_named() -> None:
    with respx.mock(base_url=URL) as router:
        router.post("/compress").mock(side_effect=httpx.ConnectError("Connection refused"))
        result = run("compress", "-", given="a")
    assert result.exit_code == UNREACHABLE
    assert "condenser serve" in result.stderr


def test_something_else_than_a_service_is_reported() -> None:
    with respx.mock(base_url=URL) as router:
        router.post("/compress").mock(return_value=httpx.Response(200, html="<html>"))
        result = run("compress", "-", given="a")
    assert result.exit_code == UNREACHABLE
    assert "is not Condenser" in result.stderr


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three texts, one of them twice, and what is no text."""
    texts = tmp_path / "texts"
    (texts / "deep").mkdir(parents=True)
    (texts / "a.txt").write_text("first")
    (texts / "b.md").write_text("second")
    (texts / "deep" / "c.txt").write_text("first")
    (texts / "picture.png").write_bytes(b"\x89PNG")
    (texts / "program").write_bytes(b"\x7fELF\0")
    (texts / "nothing.txt").write_text("\n")
    (texts / ".hidden").write_text("hidden")
    return texts


def test_a_folder_is_done_and_each_file_has_its_line(service: respx.MockRouter, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = run("batch", str(folder), "--out", str(out), "--target-ratio", "0.5")
    assert result.exit_code == DONE
    assert sorted(line["name"] for line in lines_of(out)) == ["a.txt", "b.md", "deep/c.txt"]
    items = [item for body in sent(service, "/batch") for item in body["items"]]
    assert [item["text"] for item in items] == ["first", "second", "first"]
    assert all(item["target_ratio"] == 0.5 for item in items)


def test_what_of_a_folder_is_left_out_is_listed_with_the_reason(
    service: respx.MockRouter, folder: Path, tmp_path: Path
) -> None:
    os.mkfifo(folder / "pipe")
    result = run("batch", str(folder), "--out", str(folder / "out.jsonl"))
    assert result.exit_code == DONE
    assert [line for line in result.stderr.splitlines() if line.startswith("left out")] == [
        "left out: .hidden: is hidden",
        "left out: nothing.txt: is empty",
        "left out: picture.png: is not a text",
        "left out: pipe: is not a regular file",
        "left out: program: is not a text",
    ]
    again = run("batch", str(folder), "--out", str(folder / "out.jsonl"), "--json")
    assert json.loads(again.stdout) == {"succeeded": 0, "failed": 0, "skipped": 3}
    assert "left out: out.jsonl: is the file of the results" in again.stderr


@pytest.mark.parametrize(
    "suffix",
    "tsv ndjson jsonl toml ini py js diff srt vtt tex html xml eml log env sql rs go csv yml md".split(),
)
def test_a_text_file_is_an_item_whatever_its_suffix(service: respx.MockRouter, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / f"a.{suffix}").write_text("some text")
    result = run("batch", str(tmp_path / "texts"), "--out", str(tmp_path / "out"), "--json")
    assert json.loads(result.stdout)["succeeded"] == 1


def test_a_text_in_another_encoding_fails_and_is_named(service: respx.MockRouter, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "old.log").write_bytes("Grüße".encode("latin-1"))
    result = run("batch", str(tmp_path / "texts"), "--out", str(tmp_path / "out"))
    assert result.exit_code == PARTLY
    assert lines_of(tmp_path / "out")[0]["problem"]["detail"] == "old.log is not UTF-8 text (byte 2)"


def test_the_capsules_of_a_folder_are_reconstructed(service: respx.MockRouter, tmp_path: Path) -> None:
    (tmp_path / "capsules").mkdir()
    (tmp_path / "capsules" / "a.json").write_text(json.dumps(COMPRESSED))
    (tmp_path / "capsules" / "b.txt").write_text("no capsule")
    service.post("/batch").mock(
        side_effect=None, return_value=httpx.Response(200, text='{"index": 0, "result": {"text": "a"}}\n')
    )
    result = run("batch", str(tmp_path / "capsules"), "--out", str(tmp_path / "out"), "--operation", "reconstruct")
    assert sent(service, "/batch") == [{"operation": "reconstruct", "items": [{"capsule": CAPSULE}]}]
    assert "left out: b.txt: contains no capsule" in result.stderr


def test_lines_come_through_a_pipe(service: respx.MockRouter, tmp_path: Path) -> None:
    assert run("batch", "--out", str(tmp_path / "out"), given='"one"\n"two"\n').exit_code == DONE
    assert len(lines_of(tmp_path / "out")) == 2


def test_a_second_run_does_only_what_is_left(service: respx.MockRouter, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run("batch", str(folder), "--out", str(out))
    (folder / "new.txt").write_text("third")
    result = run("batch", str(folder), "--out", str(out), "--json")
    assert json.loads(result.stdout) == {"succeeded": 1, "failed": 0, "skipped": 3}
    assert [item["text"] for item in sent(service, "/batch")[-1]["items"]] == ["third"]


def test_other_options_are_other_work(service: respx.MockRouter, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run("batch", str(folder), "--out", str(out))
    result = run("batch", str(folder), "--out", str(out), "--target-ratio", "0.2", "--json")
    assert json.loads(result.stdout)["skipped"] == 0


def test_failed_items_are_noted_and_tried_again(service: respx.MockRouter, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('"good"\n{"text": "bad"}\n')
    first, second = (run("batch", str(source), "--out", str(out), "--json") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (PARTLY, PARTLY)
    assert json.loads(second.stdout) == {"succeeded": 0, "failed": 1, "skipped": 1}
    assert lines_of(out)[-1]["problem"]["detail"] == "it is"


def test_a_broken_line_is_named_by_its_number_and_the_rest_goes_on(service: respx.MockRouter, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'"one"\n{"text": \n7\n"\xff"\n\n{"text": "two"}\n')
    result = run("batch", str(source), "--out", str(out))
    assert result.exit_code == PARTLY
    details = [line["problem"]["detail"] for line in lines_of(out) if "problem" in line]
    assert [detail.split(" ", 3)[:2] for detail in details] == [["line", "2"], ["line", "3"], ["line", "4"]]
    assert sum("result" in line for line in lines_of(out)) == 2


def test_a_line_that_was_cut_is_done_again(service: respx.MockRouter, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run("batch", str(folder), "--out", str(out))
    out.write_bytes(out.read_bytes()[:-20])
    run("batch", str(folder), "--out", str(out))
    assert sorted(line["name"] for line in lines_of(out)) == ["a.txt", "b.md", "deep/c.txt"]


def test_a_file_that_is_something_else_is_not_written_into(
    service: respx.MockRouter, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("my notes\n")
    result = run("batch", str(folder), "--out", str(out))
    assert result.exit_code == USAGE
    assert out.read_text() == "my notes\n"


def test_a_service_that_goes_away_leaves_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f'"text {number}"\n' for number in range(150)))

    def answer(request: httpx.Request) -> httpx.Response:
        if '"text 100"' in request.content.decode():
            raise httpx.ReadError("connection reset")
        return batch_answer(request)

    with respx.mock(base_url=URL) as router:
        router.post("/batch").mock(side_effect=answer)
        result = run("batch", str(source), "--out", str(out))
    assert result.exit_code == UNREACHABLE
    assert len(lines_of(out)) == 100
    assert "100 of 150 are done" in result.stderr


def test_capsules_are_reconstructed_from_a_batchs_own_output(service: respx.MockRouter, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"name": "a", "key": "k", "result": COMPRESSED}) + "\n")
    service.post("/batch").mock(
        side_effect=None, return_value=httpx.Response(200, text='{"index": 0, "result": {"text": "a"}}\n')
    )
    result = run("batch", str(source), "--out", str(out), "--operation", "reconstruct")
    assert sent(service, "/batch") == [{"operation": "reconstruct", "items": [{"capsule": CAPSULE}]}]
    assert result.exit_code == DONE


def test_colour_is_for_terminals_only(service: respx.MockRouter) -> None:
    assert "\x1b" not in run("compress", "nowhere.txt").stderr


def completed(shell: str, words: str) -> str:
    """What the shell is offered for the last of the words."""
    environment = {"_CONDENSER_COMPLETE": f"complete_{shell}", "COMP_WORDS": words}
    environment |= {"COMP_CWORD": str(words.count(" "))}
    environment |= {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return CliRunner().invoke(cli, [], env=environment, prog_name="condenser").output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("condenser acc", "acceptance"),
        ("condenser compress --method ex", "extractive"),
        ("condenser compress --content-type py", "python"),
        ("condenser batch --operation rec", "reconstruct"),
        ("condenser serve --engine emb", "embedded"),
        ("condenser jobs can", "cancel"),
    ],
)
def test_shells_complete_commands_and_choices(shell: str, words: str, offered: str) -> None:
    assert offered in completed(shell, words)


def all_commands() -> list[list[str]]:
    commands = [[name] for name in COMMANDS]
    return commands + [["jobs", name] for name in ("submit", "list", "show", "cancel")]


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_the_help_of_each_command_has_examples_and_exit_codes(command: list[str]) -> None:
    output = CliRunner().invoke(cli, [*command, "-h"]).output
    assert f"\n    condenser {' '.join(command)}" in output or f"| condenser {' '.join(command)}" in output
    assert "Exit codes: 0 " in output
    assert command in (["serve"], ["jobs", "show"]) or "--json" in output


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (options.Method, compressor.Method),
        (options.Fidelity, CompressRequest.model_fields["fidelity"].annotation),
        (options.Mode, ReconstructRequest.model_fields["mode"].annotation),
        (options.Operation, BatchRequest.model_fields["operation"].annotation),
    ],
)
def test_the_choices_are_those_of_the_service(offered: object, taken: object) -> None:
    assert set(get_args(offered)) == set(get_args(taken))


def test_a_folder_without_read_rights_ends_in_a_sentence(
    service: respx.MockRouter, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    result = run("batch", str(folder), "--out", str(tmp_path / "out.jsonl"))
    assert (result.exit_code, result.stderr) == (USAGE, f"condenser: can't read {folder}: Permission denied\n")
