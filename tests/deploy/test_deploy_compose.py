"""The compose file: of the Compose Specification (checked offline by ``compose-spec``), and safe by default."""

import datetime as dt
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from calibrant.observatory.composition import DRAIN_S, SERVICES

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.yaml"


@pytest.fixture
def observatory():
    PyCompose.from_yaml(FILE.read_text())
    return yaml.safe_load(FILE.read_text())["services"]["observatory"]


def test_it_follows_the_specification():
    assert PyCompose.from_yaml(FILE.read_text()).service_names() == ["observatory"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true", "read_only: perhaps"),
        ("    volumes:", "    volumen:"),
        ("8080:8080", "8080:99999"),
    ],
)
def test_the_check_finds_mistakes(right, wrong):
    text = FILE.read_text()
    assert right in text
    with pytest.raises(ValueError, match=r"services\.observatory"):
        PyCompose.from_yaml(text.replace(right, wrong))


def test_what_it_builds_is_there(observatory):
    context = (FILE.parent / observatory["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / observatory["build"]["dockerfile"]).is_file()


def test_it_is_reachable_from_this_machine_only(observatory):
    assert observatory["ports"] == ["127.0.0.1:8080:8080"]


def test_data_outlive_the_container(observatory):
    volumes = yaml.safe_load(FILE.read_text())["volumes"]
    ((source, target),) = [volume.split(":") for volume in observatory["volumes"]]
    assert source in volumes
    assert target == "/data"


def test_it_has_no_privileges_and_a_read_only_root(observatory):
    assert observatory["read_only"] is True
    assert observatory["cap_drop"] == ["ALL"]
    assert observatory["security_opt"] == ["no-new-privileges:true"]
    assert observatory["tmpfs"] == ["/tmp"]


def test_it_is_given_the_time_that_draining_may_take(observatory):
    minutes = observatory["stop_grace_period"]
    assert minutes.endswith("m")
    needed = dt.timedelta(seconds=len(SERVICES) * (DRAIN_S + 5))
    assert dt.timedelta(minutes=int(minutes[:-1])) > needed
