"""A person sees what topics a component has on the wire, and registers their schemas with one command."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from calibrant.observatory.cli.main import app
from calibrant.sal.testing import INTERFACES
from calibrant.sal.testing.registry import RegistryDouble, served


def run(*words):
    return CliRunner().invoke(app, ["sal", "schemas", str(INTERFACES), *words])


def test_schemas_are_shown_and_registered_under_the_subjects_of_their_topics():
    double = RegistryDouble()
    with served(double) as address:
        ended = run("Lamp", "--subname", "sal", "--register", address, "--json")
    rows = json.loads(ended.stdout)
    assert {row["subject"]: [row["id"]] for row in rows} == double.subjects
    assert json.loads(double.schemas[rows[0]["id"] - 1]) == rows[0]["schema"]
    assert [row["topic"] for row in rows] == sorted(row["topic"] for row in rows)
    assert "lsst.sal.Lamp.currents" in {row["topic"] for row in rows}


def test_a_table_tells_kinds_revisions_and_compaction():
    said = run("BenchCamera").stdout.splitlines()
    heartbeat = next(line for line in said if "logevent_heartbeat" in line).split()
    assert heartbeat[:3] == ["lsst.test.BenchCamera.logevent_heartbeat", "event", "1"]
    assert heartbeat[4] == "compact"


def test_a_component_that_is_none_and_a_registry_that_is_away_end_in_one_line(capsys):
    assert run("Lampe").exit_code == 1
    assert run("Lamp", "--register", "http://127.0.0.1:1").exit_code == 1
    assert run("Lamp", "--register", "nowhere").exit_code == 1
