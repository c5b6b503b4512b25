"""deploy/kubernetes: valid by the schemas of Kubernetes, KEDA and the Prometheus operator, and fits the service."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.main import create_app
from app.server import SETTLE_LIMIT_S
from app.settings import Settings, describe

ROOT = Path(__file__).parents[2] / "deploy" / "kubernetes"
BASE = ROOT / "base"
KEDA = ROOT / "overlays" / "keda"
OLDEST_KUBERNETES = "1.30"  # the first whose API has `preStop.sleep` without a feature gate that must be set
SCHEMAS = Path(__file__).with_name("kubernetes")
CUSTOM = {"ScaledObject": "scaledobject.json", "ServiceMonitor": "servicemonitor.json"}
EMBEDDED_ENGINE_S = 5  # app/engine/embedded.py gives its process as long to end

Resource = dict[str, Any]


def read(path: Path) -> Resource:
    resource: Resource = yaml.safe_load(path.read_text())
    return resource


def resources(folder: Path) -> Iterator[Resource]:
    """The resources that the kustomization in this folder names itself."""
    for name in read(folder / "kustomization.yaml")["resources"]:
        if name.endswith(".yaml"):
            yield read(folder / name)


def merged(resource: Resource, patch: Mapping[str, Any]) -> Resource:
    """A resource with a strategic merge patch: lists of named things are merged by name, others replaced."""
    result = deepcopy(resource)
    for key, value in patch.items():
        old = result.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            result[key] = merged(old, value)
        elif isinstance(old, list) and all(isinstance(entry, dict) and "name" in entry for entry in [*old, *value]):
            names = [entry["name"] for entry in value]
            result[key] = [entry for entry in old if entry["name"] not in names] + value
        else:
            result[key] = value
    return result


def with_gpu() -> Resource:
    """The Deployment of the KEDA overlay."""
    deployment = merged(read(BASE / "deployment.yaml"), read(KEDA / "ollama.yaml"))
    del deployment["spec"]["replicas"]
    return deployment


def all_resources() -> list[Resource]:
    policy = merged(read(BASE / "networkpolicy.yaml"), read(KEDA / "egress.yaml"))
    return [*resources(BASE), *resources(KEDA), with_gpu(), policy]


def closed(schema: Any) -> Any:
    """A schema of a custom resource that lets no unknown field through, as strict field validation does."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    is_object = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if is_object and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    return result


def validate(resource: Resource) -> None:
    """Raise where a resource is not valid by its schema."""
    if resource["kind"] in CUSTOM:
        schema: dict[str, Any] = closed(json.loads((SCHEMAS / CUSTOM[resource["kind"]]).read_text()))
        jsonschema.validate({**resource, "metadata": {}}, schema)
    else:
        kubernetes_validate.validate(resource, OLDEST_KUBERNETES, strict=True)


def settings_of(*folders: Path) -> dict[str, str]:
    """The settings in the ConfigMap that these folders make together."""
    lines = [line for folder in folders for line in (folder / "settings.env").read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def container() -> Resource:
    first_container: Resource = read(BASE / "deployment.yaml")["spec"]["template"]["spec"]["containers"][0]
    return first_container


@pytest.mark.parametrize("resource", all_resources(), ids=lambda resource: resource["kind"])
def test_each_resource_is_valid(resource: Resource) -> None:
    validate(resource)


@pytest.mark.parametrize("resource", all_resources(), ids=lambda resource: resource["kind"])
def test_a_misspelt_field_would_be_seen(resource: Resource) -> None:
    broken = merged(resource, {"spec": {"misspelt": 1}})
    with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
        validate(broken)


@pytest.mark.parametrize("folder", [BASE, KEDA], ids=["base", "keda"])
def test_kustomize_builds_what_is_valid(folder: Path) -> None:
    kustomize = shutil.which("kustomize")
    if kustomize is None:
        pytest.skip("kustomize is not here: go install sigs.k8s.io/kustomize/kustomize/v5@latest")
    done = subprocess.run([kustomize, "build", str(folder)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    built = list(yaml.safe_load_all(done.stdout))
    for resource in built:
        validate(resource)
    (deployment,) = (resource for resource in built if resource["kind"] == "Deployment")
    assert ("replicas" in deployment["spec"]) == (folder == BASE)
    (data,) = (resource["data"] for resource in built if resource["kind"] == "ConfigMap")
    assert data == settings_of(BASE) | (settings_of(KEDA) if folder == KEDA else {})


@pytest.mark.parametrize("folders", [(BASE,), (BASE, KEDA)], ids=["base", "keda"])
def test_the_service_starts_with_the_settings(folders: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    own = settings_of(*folders)
    assert set(own) <= {name for name, _, _ in describe()}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONDENSER_HOST", "0.0.0.0")  # as the image has it
    monkeypatch.setenv("CONDENSER_API_KEYS", "secret")
    Settings(_env_file=None)  # type: ignore[call-arg]


def test_no_file_names_a_setting_that_does_not_exist() -> None:
    known = {name for name, _, _ in describe()}
    for path in ROOT.rglob("*.*"):
        assert set(re.findall(r"CONDENSER_[A-Z0-9_]*[A-Z0-9]", path.read_text())) <= known, path


def test_every_path_that_is_asked_for_is_served() -> None:
    served = create_app(Settings(_env_file=None)).openapi()["paths"]  # type: ignore[call-arg]
    probes = [container()[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    (endpoint,) = read(BASE / "servicemonitor.yaml")["spec"]["endpoints"]
    assert {target["path"] for target in [*probes, endpoint]} <= served.keys()


def test_the_metrics_that_scale_it_exist() -> None:
    (trigger,) = read(KEDA / "scaledobject.yaml")["spec"]["triggers"]
    names = set(re.findall(r"condenser_\w+(?=\{)", trigger["metadata"]["query"]))
    assert names == {"condenser_queue_depth", "condenser_in_flight"}
    source = Path(__file__).parents[2].joinpath("app", "telemetry", "metrics.py").read_text()
    assert all(f'"{name.removeprefix("condenser_")}"' in source for name in names)


def test_who_ends_a_pod_waits_for_what_is_under_way() -> None:
    pod = read(BASE / "deployment.yaml")["spec"]["template"]["spec"]
    pause_s = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain_s = float(settings_of(BASE)["CONDENSER_DRAIN_TIMEOUT_S"])
    assert pod["terminationGracePeriodSeconds"] > pause_s + drain_s + SETTLE_LIMIT_S + EMBEDDED_ENGINE_S


def test_every_container_is_confined() -> None:
    for deployment in (read(BASE / "deployment.yaml"), with_gpu()):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["enableServiceLinks"] is False
        for member in [*pod["containers"], *pod.get("initContainers", [])]:
            assert member["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_everything_selects_the_pods_of_the_deployment() -> None:
    labels = read(BASE / "deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    for name, path in {
        "deployment": ("selector", "matchLabels"),
        "poddisruptionbudget": ("selector", "matchLabels"),
        "networkpolicy": ("podSelector", "matchLabels"),
        "servicemonitor": ("selector", "matchLabels"),
        "service": ("selector",),
    }.items():
        value = read(BASE / f"{name}.yaml")["spec"]
        for key in path:
            value = value[key]
        assert value == labels, name
    assert read(BASE / "service.yaml")["metadata"]["labels"] == labels  # by which the ServiceMonitor finds it


def test_the_pods_have_as_many_calls_in_the_engine_as_it_has_slots() -> None:
    (ollama,) = (
        member for member in with_gpu()["spec"]["template"]["spec"]["initContainers"] if member["name"] == "ollama"
    )
    slots = {variable["name"]: variable["value"] for variable in ollama["env"]}["OLLAMA_NUM_PARALLEL"]
    assert settings_of(BASE, KEDA)["CONDENSER_MAX_CONCURRENCY"] == slots


def test_every_image_has_a_version() -> None:
    images = [member["image"] for member in with_gpu()["spec"]["template"]["spec"]["initContainers"]]
    assert all(re.search(r":\d+\.\d+", image) for image in images)
    (own,) = read(BASE / "kustomization.yaml")["images"]
    assert own["name"] == container()["image"]
    assert own["newTag"]
