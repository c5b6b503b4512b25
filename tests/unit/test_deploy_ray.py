"""deploy/ray fits Condenser and itself; where Ray is installed, its own schema reads the configurations."""

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import describe

RAY = Path(__file__).parents[2] / "deploy" / "ray"
CONFIGS = ("llama_cpp.yaml", "vllm.yaml")

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray has an environment of its own: pip install 'ray[serve,data]'"
)


def config(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((RAY / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def classes_of(module: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse((RAY / f"{module}.py").read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def functions_of(module: str) -> set[str]:
    tree = ast.parse((RAY / f"{module}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_llama_cpp_configuration_names_a_function_of_the_application() -> None:
    module, _, function = config("llama_cpp.yaml")["applications"][0]["import_path"].partition(":")
    assert function in functions_of(module)


def test_the_llama_cpp_configuration_names_deployments_of_the_application() -> None:
    names = {deployment["name"] for deployment in config("llama_cpp.yaml")["applications"][0]["deployments"]}
    assert names <= classes_of("llama_cpp_app").keys()


def test_the_llama_cpp_configuration_gives_arguments_that_the_application_has() -> None:
    fields = [node.target for node in classes_of("llama_cpp_app")["Arguments"].body if isinstance(node, ast.AnnAssign)]
    names = {field.id for field in fields if isinstance(field, ast.Name)}
    assert config("llama_cpp.yaml")["applications"][0]["args"].keys() <= names


def test_a_replica_of_llama_cpp_is_given_no_more_requests_than_it_has_slots() -> None:
    application = config("llama_cpp.yaml")["applications"][0]
    model = next(deployment for deployment in application["deployments"] if deployment["name"] == "LlamaCpp")
    assert model["max_ongoing_requests"] == application["args"]["num_parallel"]


def test_the_llama_cpp_application_scales_from_one_replica_to_two() -> None:
    deployments = config("llama_cpp.yaml")["applications"][0]["deployments"]
    scaling = next(deployment["autoscaling_config"] for deployment in deployments if deployment["name"] == "LlamaCpp")
    assert (scaling["min_replicas"], scaling["max_replicas"]) == (1, 2)


def test_vllm_has_a_context_window_for_the_default_of_condenser() -> None:
    engine = config("vllm.yaml")["applications"][0]["args"]["llm_configs"][0]["engine_kwargs"]
    default = next(default for name, default, _ in describe() if name == "CONDENSER_NUM_CTX")
    assert engine["max_model_len"] >= int(default)


def test_the_commands_for_vllm_ask_for_the_model_that_it_serves() -> None:
    model = config("vllm.yaml")["applications"][0]["args"]["llm_configs"][0]["model_loading_config"]["model_id"]
    assert f"CONDENSER_MODEL={model} " in (RAY / "vllm.yaml").read_text()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_commands_of_a_configuration_use_settings_of_condenser(name: str) -> None:
    used = set(re.findall(r"CONDENSER_[A-Z_]+", (RAY / name).read_text()))
    assert used
    assert used <= {setting for setting, _, _ in describe()}


@needs_ray
@pytest.mark.parametrize("name", CONFIGS)
def test_ray_serve_reads_a_configuration_by_its_own_schema(name: str) -> None:
    schema = pytest.importorskip("ray.serve.schema")
    assert len(schema.ServeDeploySchema.model_validate(config(name)).applications) == 1


@needs_ray
def test_ray_reads_the_configuration_of_vllm_by_its_own_schema() -> None:
    # ray.serve.llm has the same class, and imports vLLM.
    llm = pytest.importorskip("ray.llm._internal.serve.core.configs.llm_config")
    models = config("vllm.yaml")["applications"][0]["args"]["llm_configs"]
    assert [llm.LLMConfig.model_validate(model).model_id for model in models] == ["qwen2.5-7b-instruct"]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("ray.data", reason="Ray has an environment of its own: pip install 'ray[data]'")
    monkeypatch.syspath_prepend(str(RAY))
    yield importlib.import_module("archive")
    sys.modules.pop("archive", None)


TEXTS = [f"Entry {number} é\u2028has a line separator in it." for number in range(12)]


def json_lines(folder: Path) -> str:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in TEXTS))
    return str(path)


def parquet(folder: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": TEXTS}), folder / "texts.parquet", row_group_size=7)
    return str(folder / "texts.parquet")


@pytest.mark.parametrize("written", [json_lines, parquet])
@pytest.mark.parametrize("rows", [1, 3, 4, 100])
def test_the_parts_of_a_file_have_each_text_once_and_in_order(
    archive: Any, tmp_path: Path, written: Any, rows: int
) -> None:
    parts = list(archive.parts_of(written(tmp_path), rows))
    assert [text for part in parts for text in archive.texts_of(part, "text")] == TEXTS
    assert [part.first for part in parts] == [sum(part.rows for part in parts[:at]) for at in range(len(parts))]


def test_a_line_without_a_text_becomes_a_row_with_a_problem(archive: Any, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('not JSON\n{"other": 1}\n"A bare string."\n')
    part = next(archive.parts_of(str(path), 10))
    rows = [archive.compressed(text, {}) for text in archive.texts_of(part, "text")]
    assert [row.get("problem") for row in rows] == ["no text", "no text", None]


def test_a_file_that_has_changed_has_other_parts(archive: Any, tmp_path: Path) -> None:
    path = json_lines(tmp_path)
    before = [part.file_name("") for part in archive.parts_of(path, 3)]
    Path(path).write_text(Path(path).read_text() + '"One more."\n')
    assert not set(before) & {part.file_name("") for part in archive.parts_of(path, 3)}


def test_other_options_have_other_parts(archive: Any, tmp_path: Path) -> None:
    part = next(archive.parts_of(json_lines(tmp_path), 3))
    assert part.file_name("a") != part.file_name("b")
