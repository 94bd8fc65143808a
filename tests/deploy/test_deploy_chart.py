"""The Helm chart: renders, passes Helm's and Kubernetes' own checks, and says what the observatory really serves."""

import re
from pathlib import Path

import kubernetes_validate
import pytest
import typer
import yaml
from helm_python import Chart, HelmValuesError, lint

from calibrant.observatory.cli.options import DEFAULT_DATA_DIR
from calibrant.observatory.cli.up import up
from calibrant.observatory.composition import DRAIN_S, SERVICES
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.settings import PlatformSettings, ServiceSettings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/calibrant"
OLDEST_KUBERNETES = "1.25"
ABANDON_S = 5
"""How long ``ServiceProcess.stop`` waits for what it has given up."""


def render(values=None, release="observing"):
    with Chart.load(CHART) as chart:
        texts = chart.render(values or {}, name=release, namespace="calibrant")
    documents = [one for text in texts.values() for one in yaml.safe_load_all(text) if one]
    return {document["kind"]: document for document in documents}


def pod(values=None):
    return render(values)["Deployment"]["spec"]["template"]["spec"]


def container(values=None):
    (only,) = pod(values)["containers"]
    return only


def test_helm_lint_finds_nothing_but_the_missing_icon():
    report = lint(CHART, strict=True)
    assert report["errors"] == []
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"storage": {"size": "5Gi", "className": "fast"}, "image": {"tag": "0.1.1"}, "resources": {}},
    ],
)
def test_every_object_is_a_valid_kubernetes_object(version, values):
    objects = render(values)
    assert set(objects) == {"PersistentVolumeClaim", "Service", "Deployment"}
    for one in objects.values():
        kubernetes_validate.validate(one, version, strict=True)


def test_values_reach_their_places():
    values = {
        "image": {"repository": "registry.example/calibrant", "tag": "0.2.0", "pullPolicy": "Always"},
        "speed": 0.5,
        "workers": 3,
        "storage": {"size": "100Gi", "className": "fast"},
        "resources": {"limits": {"memory": "8Gi"}},
        "service": {"port": 80},
    }
    objects, one = render(values), container(values)
    claim = objects["PersistentVolumeClaim"]["spec"]
    assert one["image"] == "registry.example/calibrant:0.2.0"
    assert one["imagePullPolicy"] == "Always"
    assert one["args"][-2:] == ["--speed", "0.5"]
    assert {"name": "CALIBRANT_WORKER_SLOTS", "value": "3"} in one["env"]
    assert (claim["resources"]["requests"]["storage"], claim["storageClassName"]) == ("100Gi", "fast")
    assert one["resources"]["limits"] == {"memory": "8Gi"}
    assert objects["Service"]["spec"]["ports"][0]["port"] == 80


def test_defaults_take_the_charts_version_and_the_clusters_storage_class():
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert container()["image"] == f"calibrant:{version}"
    assert "storageClassName" not in render()["PersistentVolumeClaim"]["spec"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"sped": 1}, "sped"),
        ({"speed": -1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"workers": 0}, "workers"),
        ({"image": {"repository": ""}}, "repository"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"storage": {"size": "20 GB"}}, "size"),
        ({"service": {"port": 70000}}, "port"),
        ({"resources": {"limits": {"memory": "4 gigabytes"}}}, "memory"),
        ({"resources": {"limit": {"memory": "4Gi"}}}, "limit"),
    ],
)
def test_a_bad_value_is_refused_by_name(values, named):
    with pytest.raises(HelmValuesError, match=named):
        render(values)


def test_values_hold_no_secret():
    names = re.findall(r"^\s*([\w.-]+):", (CHART / "values.yaml").read_text(), re.MULTILINE)
    suspicious = re.compile(r"pass|secret|token|credential|apikey|private|^key$", re.IGNORECASE)
    assert [name for name in names if suspicious.search(name)] == []


def test_probes_ask_paths_that_the_observatory_serves():
    served = set(ops_app(Watch(expected=0)).openapi()["paths"])
    one = container()
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    _, port = ServiceSettings(port=ports["http"]).ops_address
    for probe, path in [
        ("startupProbe", "/startup"),
        ("livenessProbe", "/live"),
        ("readinessProbe", "/ready"),
    ]:
        asked = one[probe]["httpGet"]
        assert asked["path"] == path
        assert path in served
        assert ports[asked["port"]] == port


def test_the_arguments_are_an_invocation_of_calibrant_up():
    one = container({"speed": 2})
    program, name, *arguments = one["args"]
    assert (program, name) == ("calibrant", "up")
    app = typer.Typer()
    app.command()(up)
    given = typer.main.get_command(app).make_context("up", arguments).params
    mount = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
    assert given["host"] == "0.0.0.0"
    assert given["port"] == one["ports"][0]["containerPort"]
    assert str(given["data_dir"]) == mount["data"]
    assert given["data_dir"] != DEFAULT_DATA_DIR
    assert given["speed"] == 2
    assert not given["services"]


def test_environment_variables_are_settings():
    names = [variable["name"] for variable in container()["env"]]
    fields = {f"CALIBRANT_{name}".upper() for name in PlatformSettings.model_fields}
    assert names
    assert set(names) <= fields


def test_it_runs_as_nobody_on_a_read_only_root():
    whole, one = pod(), container()
    assert whole["securityContext"]["runAsNonRoot"] is True
    assert whole["securityContext"]["runAsUser"] == 10001
    assert whole["securityContext"]["fsGroup"] == 10001
    assert whole["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert whole["automountServiceAccountToken"] is False
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in one["volumeMounts"]} == {"/data", "/tmp"}


def test_one_pod_at_a_time_owns_the_data_folder():
    deployment = render()["Deployment"]["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}


def test_a_service_of_the_cluster_cannot_become_a_setting():
    assert pod()["enableServiceLinks"] is False


def test_the_pod_is_given_the_time_that_draining_may_take():
    assert pod()["terminationGracePeriodSeconds"] > len(SERVICES) * (DRAIN_S + ABANDON_S)


def test_names_stay_within_the_limit_of_kubernetes():
    name = render(release="a" * 53)["Deployment"]["metadata"]["name"]
    assert len(name) <= 63
    assert name.endswith("-observatory")
