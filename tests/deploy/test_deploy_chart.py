"""The Helm chart: renders, passes Helm's and Kubernetes' own checks, and says what the services really are."""

import re
from importlib import import_module
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from helm_python import Chart, HelmValuesError, lint

from calibrant.observatory.composition import SERVICES
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.process import LEAVE_S
from calibrant.runtime.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/calibrant"
OLDEST_KUBERNETES = "1.25"
NEEDED = {
    "bus": {"servers": "kafka://one.example:9092,two.example:9092"},
    "database": {"url": "postgresql://calibrant@db.example:5432/calibrant"},
    "objects": {"url": "s3://calibrations/night"},
    "access": {"jwks": "https://id.example/keys", "issuer": "https://id.example"},
}


def with_needed(values=None):
    return {name: {**NEEDED.get(name, {}), **part} for name, part in (NEEDED | (values or {})).items()}


def documents(values=None, release="observing"):
    """Return the rendered objects; values that are not mappings go in as they are."""
    given = values or {}
    plain = {name: value for name, value in given.items() if not isinstance(value, dict)}
    nested = {name: value for name, value in given.items() if isinstance(value, dict)}
    with Chart.load(CHART) as chart:
        texts = chart.render({**with_needed(nested), **plain}, name=release, namespace="calibrant")
    return [one for text in texts.values() for one in yaml.safe_load_all(text) if one]


def deployments(values=None):
    """Return the deployments by the service they run."""
    label = "app.kubernetes.io/component"
    found = [one for one in documents(values) if one["kind"] == "Deployment"]
    return {one["metadata"]["labels"][label]: one["spec"] for one in found}


def pod(service="combine", values=None):
    return deployments(values)[service]["template"]["spec"]


def container(service="combine", values=None):
    (only,) = pod(service, values)["containers"]
    return only


def environment(service="combine", values=None):
    return {variable["name"]: variable["value"] for variable in container(service, values)["env"]}


def settings_of(service):
    return getattr(import_module(f"calibrant.{service}.settings"), f"{service.capitalize()}Settings")


def test_helm_lint_finds_nothing_but_the_missing_icon():
    report = lint(CHART, with_needed(), strict=True)
    assert report["errors"] == []
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {
            "bus": {"caSecret": "kafka-ca"},
            "instruments": {"configMap": "own-instruments"},
            "frames": {"claim": "night-frames"},
            "services": {"combine": {"resources": None, "credentials": "combine-credentials"}},
        },
    ],
    ids=["least", "most"],
)
def test_every_object_is_a_valid_kubernetes_object(version, values):
    found = documents(values)
    assert {one["kind"] for one in found} == {"Deployment", "Service"}
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)


def test_every_service_has_one_deployment_and_one_service():
    assert set(deployments()) == set(SERVICES)
    for kind in ("Deployment", "Service"):
        names = [one["metadata"]["name"] for one in documents() if one["kind"] == kind]
        assert sorted(names) == sorted(f"observing-{service}" for service in SERVICES)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_pod_runs_its_service(service):
    assert container(service)["args"] == ["python", "-m", f"calibrant.{service}"]
    assert import_module(f"calibrant.{service}.__main__")


def test_a_service_finds_the_pods_of_its_deployment_and_no_others():
    labels = {name: spec["template"]["metadata"]["labels"] for name, spec in deployments().items()}
    for one in documents():
        if one["kind"] == "Service":
            selector = one["spec"]["selector"].items()
            chosen = [name for name, found in labels.items() if selector <= found.items()]
            assert chosen == [one["metadata"]["labels"]["app.kubernetes.io/component"]]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_environment_variables_are_settings_that_take_their_values(service, monkeypatch, tmp_path):
    given = environment(service)
    monkeypatch.setenv("CALIBRANT_SECRETS_DIR", str(tmp_path))
    kind = settings_of(service)
    assert set(given) <= {f"CALIBRANT_{name}".upper() for name in kind.model_fields}
    for name, value in given.items():
        if name != "CALIBRANT_SECRETS_DIR":
            monkeypatch.setenv(name, value)
    settings = kind()
    assert settings.bus == NEEDED["bus"]["servers"]
    assert settings.bus_username == service
    assert settings.bus_replication == 3
    assert settings.database == NEEDED["database"]["url"]
    assert settings.objects == NEEDED["objects"]["url"]
    assert settings.auth_jwks == NEEDED["access"]["jwks"]
    assert settings.ops_address == ("0.0.0.0", 8081)
    assert settings.address == f"http://observing-{service}.calibrant:8080", "others are told its Service"


def test_values_reach_their_places():
    values = {
        "image": {"repository": "images.example/calibrant", "tag": "0.2.0", "pullPolicy": "Always"},
        "bus": {"authenticate": False, "caSecret": "kafka-ca"},
        "objects": {"endpoint": "https://store.example"},
        "telemetry": {"otlpEndpoint": "http://collector:4318"},
        "drainSeconds": 90,
        "services": {
            "camera": {"env": {"CALIBRANT_INSTRUMENT": "latiss", "CALIBRANT_DRAIN_S": 10}},
            "combine": {"replicas": 5, "slots": 3, "resources": {"limits": {"memory": "8Gi"}}},
        },
    }
    one, given = container(values=values), environment(values=values)
    assert one["image"] == "images.example/calibrant:0.2.0"
    assert one["imagePullPolicy"] == "Always"
    assert one["resources"]["limits"]["memory"] == "8Gi"
    assert deployments(values)["combine"]["replicas"] == 5
    assert pod(values=values)["terminationGracePeriodSeconds"] > 90 + LEAVE_S
    assert "CALIBRANT_BUS_USERNAME" not in given
    assert given["CALIBRANT_BUS_CA"] == "/run/secrets/bus/ca.crt"
    assert given["CALIBRANT_OBJECTS_ENDPOINT"] == "https://store.example"
    assert given["CALIBRANT_OTLP_ENDPOINT"] == "http://collector:4318"
    assert (given["CALIBRANT_WORKER_SLOTS"], given["CALIBRANT_DRAIN_S"]) == ("3", "90")
    camera = environment("camera", values)
    assert (camera["CALIBRANT_INSTRUMENT"], camera["CALIBRANT_DRAIN_S"]) == ("latiss", "10")


def test_the_image_is_that_of_the_charts_version_unless_told_otherwise():
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert container()["image"] == f"calibrant:{version}"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"sped": {}}, "sped"),
        ({"bus": {"servers": ""}}, "servers"),
        ({"bus": {"servers": "kafka.example:9092"}}, "servers"),
        ({"database": {"url": "postgresql://calibrant:word@db/calibrant"}}, "url"),
        ({"objects": {"url": "/objects"}}, "url"),
        ({"access": {"jwks": "http://id.example/keys"}}, "jwks"),
        ({"access": {"issuer": ""}}, "issuer"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"scratch": {"size": "20 GB"}}, "size"),
        ({"ports": {"http": 80}}, "http"),
        ({"services": {"camera": {"replicas": 2}}}, "replicas"),
        ({"services": {"combine": {"slots": 0}}}, "slots"),
        ({"services": {"combine": {"resources": {"limit": {}}}}}, "limit"),
        ({"services": {"combine": {"env": {"PATH": "/tmp"}}}}, "PATH"),
        ({"services": {"combine": {"env": {"CALIBRANT_BUS_PASSWORD": "word"}}}}, "CALIBRANT_BUS_PASSWORD"),
        ({"services": {"combien": {"replicas": 1, "slots": 1}}}, "combien"),
    ],
)
def test_a_bad_value_is_refused_by_name(values, named):
    with pytest.raises(HelmValuesError, match=named):
        documents(values)


def test_values_hold_no_secret_only_names_of_secrets():
    names = re.findall(r"^\s*([\w.-]+):", (CHART / "values.yaml").read_text(), re.MULTILINE)
    suspicious = re.compile(r"pass|secret|token|credential|apikey|private|^key$", re.IGNORECASE)
    assert [name for name in names if suspicious.search(name)] == ["caSecret", "credentials"]


def test_secrets_come_as_files_where_the_settings_look_for_them():
    values = {"services": {"combine": {"credentials": "combine-credentials"}}}
    for service, secret in (("verify", "calibrant-credentials"), ("combine", "combine-credentials")):
        volumes = {volume["name"]: volume for volume in pod(service, values)["volumes"]}
        mounts = {mount["name"]: mount for mount in container(service, values)["volumeMounts"]}
        assert volumes["credentials"]["secret"]["secretName"] == secret
        assert mounts["credentials"]["readOnly"] is True
        assert mounts["credentials"]["mountPath"] == environment(service, values)["CALIBRANT_SECRETS_DIR"]


def test_frames_are_mounted_for_reading_where_frames_are_read():
    values = {"frames": {"claim": "night-frames", "mountPath": "/nights"}}
    readers = set()
    for service in SERVICES:
        mounts = {mount["name"]: mount for mount in container(service, values)["volumeMounts"]}
        if "frames" in mounts:
            readers.add(service)
            assert (mounts["frames"]["mountPath"], mounts["frames"]["readOnly"]) == ("/nights", True)
            assert environment(service, values)["CALIBRANT_FRAME_FOLDERS"] == "/nights"
        assert "CALIBRANT_FRAME_FOLDERS" not in environment(service)
    assert readers == {"ingest", "combine", "verify"}


def test_probes_ask_paths_that_are_served_on_the_port_for_operators():
    served = set(ops_app(Watch(expected=0)).openapi()["paths"])
    one = container()
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    assert str(ports["ops"]) == environment()["CALIBRANT_OPS_PORT"]
    assert str(ports["http"]) == environment()["CALIBRANT_PORT"]
    for probe, path in [
        ("startupProbe", "/startup"),
        ("livenessProbe", "/live"),
        ("readinessProbe", "/ready"),
    ]:
        assert one[probe]["httpGet"] == {"path": path, "port": "ops"}
        assert path in served


def test_a_scrape_is_told_where_the_metrics_are():
    told = deployments()["combine"]["template"]["metadata"]["annotations"]
    assert told["prometheus.io/port"] == environment()["CALIBRANT_OPS_PORT"]
    assert told["prometheus.io/path"] in ops_app(Watch(expected=0)).openapi()["paths"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_it_runs_as_nobody_on_a_read_only_root(service):
    values = {"instruments": {"configMap": "own"}, "bus": {"caSecret": "kafka-ca"}}
    whole, one = pod(service, values), container(service, values)
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
    writable = {mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/data", "/tmp"}


def test_a_camera_is_replaced_and_workers_are_rolled():
    strategies = {name: spec["strategy"]["type"] for name, spec in deployments().items()}
    assert strategies.pop("camera") == "Recreate"
    assert set(strategies.values()) == {"RollingUpdate"}


def test_a_service_of_the_cluster_cannot_become_a_setting():
    assert pod()["enableServiceLinks"] is False


def test_the_pod_is_given_the_time_that_draining_may_take():
    drain_s = float(environment()["CALIBRANT_DRAIN_S"])
    assert pod()["terminationGracePeriodSeconds"] >= drain_s + 4 * LEAVE_S
    assert drain_s >= ServiceSettings.model_fields["drain_s"].default


def test_names_stay_within_the_limit_of_kubernetes():
    for one in documents(release="a" * 53):
        name = one["metadata"]["name"]
        assert len(name) <= 63
        assert name.endswith(f"-{one['metadata']['labels']['app.kubernetes.io/component']}")
