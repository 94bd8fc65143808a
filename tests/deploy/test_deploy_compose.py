"""The compose files: of the Compose Specification (checked offline by ``compose-spec``), and safe by default."""

import datetime as dt
import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from calibrant.bus.testing.broker.distribution import VERSION as KAFKA
from calibrant.observatory.composition import DRAIN_S, SERVICES

ROOT = Path(__file__).parents[2]
ALONE = ROOT / "deploy/compose.yaml"
APART = ROOT / "deploy/compose-services.yaml"
SERVERS = {"kafka", "postgres"}
LOOPBACK = "127.0.0.1"


def services(file):
    return yaml.safe_load(file.read_text())["services"]


def ours(file):
    return {name: one for name, one in services(file).items() if name not in SERVERS}


OURS = [
    pytest.param(file, one, id=f"{file.stem}-{name}")
    for file in (ALONE, APART)
    for name, one in ours(file).items()
]


@pytest.mark.parametrize("file", [ALONE, APART], ids=lambda file: file.stem)
def test_it_follows_the_specification(file):
    merged = yaml.safe_dump(yaml.safe_load(file.read_text()))  # the checker knows no merge keys
    assert set(PyCompose.from_yaml(merged).service_names()) == set(services(file))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("read_only: true", "read_only: perhaps"), ("    volumes:", "    volumen:")],
)
def test_the_check_finds_mistakes(right, wrong):
    text = ALONE.read_text()
    assert right in text
    with pytest.raises(ValueError, match=r"services\.observatory"):
        PyCompose.from_yaml(text.replace(right, wrong))


@pytest.mark.parametrize(("file", "one"), OURS)
def test_what_it_builds_is_there(file, one):
    context = (file.parent / one["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / one["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize(("file", "one"), OURS)
def test_data_outlive_the_container(file, one):
    ((source, target),) = [volume.split(":") for volume in one["volumes"]]
    assert source in yaml.safe_load(file.read_text())["volumes"]
    assert target == "/data"


@pytest.mark.parametrize(("file", "one"), OURS)
def test_it_has_no_privileges_and_a_read_only_root(file, one):
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["tmpfs"] == ["/tmp"]


@pytest.mark.parametrize("file", [ALONE, APART], ids=lambda file: file.stem)
def test_nothing_is_reachable_from_other_machines(file):
    for name, one in services(file).items():
        assert one["network_mode"] == "host"
        assert "ports" not in one
        told = f"{one.get('command')} {one.get('environment')}"
        addresses = set(re.findall(r"\d+\.\d+\.\d+\.\d+", told))
        assert addresses == {LOOPBACK}, name


def test_the_observatory_is_given_the_time_that_draining_may_take():
    minutes = ours(ALONE)["observatory"]["stop_grace_period"]
    assert dt.timedelta(minutes=int(minutes[:-1])) > dt.timedelta(seconds=len(SERVICES) * (DRAIN_S + 5))


def test_every_service_has_a_container_of_its_own():
    assert set(ours(APART)) == set(SERVICES)
    for name, one in ours(APART).items():
        assert one["command"] == ["python", "-m", f"calibrant.{name}"]
        assert import_module(f"calibrant.{name}.__main__")


def test_health_is_asked_where_it_is_told():
    for one in ours(APART).values():
        assert (
            f"http://{LOOPBACK}:{one['environment']['CALIBRANT_OPS_PORT']}/live"
            in one["healthcheck"]["test"][-1]
        )


def test_settings_are_those_of_the_services_and_no_two_listen_on_one_port():
    ports = []
    for name, one in ours(APART).items():
        kind = getattr(import_module(f"calibrant.{name}.settings"), f"{name.capitalize()}Settings")
        assert set(one["environment"]) <= {f"CALIBRANT_{field}".upper() for field in kind.model_fields}
        ports += [one["environment"]["CALIBRANT_PORT"], one["environment"]["CALIBRANT_OPS_PORT"]]
    assert len(set(ports)) == len(ports)


def test_the_password_is_a_file_that_is_never_committed():
    whole = yaml.safe_load(APART.read_text())
    (name,) = whole["secrets"]
    assert name == "CALIBRANT_DATABASE_PASSWORD"
    assert (
        f"/deploy/{Path(whole['secrets'][name]['file']).parent}/" in (ROOT / ".gitignore").read_text().split()
    )
    for one in (*ours(APART).values(), whole["services"]["postgres"]):
        assert one["secrets"] == [name]
    assert "PASSWORD:" not in re.sub(
        r"^\s*CALIBRANT_DATABASE_PASSWORD:$", "", APART.read_text(), flags=re.MULTILINE
    )


def test_the_broker_is_of_the_version_that_the_tests_run():
    assert services(APART)["kafka"]["image"].endswith(f":{KAFKA}")
