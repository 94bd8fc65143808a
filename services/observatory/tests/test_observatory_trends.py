"""``calibrant trends`` and ``calibrant waiting`` beside no services: what they show of what is there."""

import json
from pathlib import Path

import pytest

import calibrant.certify
import calibrant.verify
from calibrant.certify.waiting import WaitingRow
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.common.v1 import TimeRange
from calibrant.frames.times import parse_time
from calibrant.observatory.cli.trends import sparkline, sparklines
from calibrant.observatory.testing import asked, here
from calibrant.runtime.database import Database
from calibrant.verify.certified import CertifiedRow
from calibrant.verify.tables import MeasurementRow, MetricRow

NIGHT = parse_time("2026-01-01T20:00:00")
DAY = 86_400 * 10**9


def opened(folder, module) -> Database:
    """A service's database in a data folder, as the service makes it."""
    name = module.__name__.rpartition(".")[2]
    (folder / "db").mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{folder}/db/{name}.sqlite")
    database.migrate([Path(module.__file__).parent / "migrations"])
    return database


@pytest.fixture
def nights(tmp_path):
    """Twelve nights of one bias each, the last of them too noisy."""
    database = opened(tmp_path, calibrant.verify)
    with database.writing() as session:
        for night in range(12):
            product, job = f"bias-{night}", f"job-{night}"
            begin = NIGHT + night * DAY
            facts = {
                "instrument": "simcam",
                "kind": "bias",
                "detector": 0,
                "job_id": job,
                "product_id": product,
            }
            counts = dict.fromkeys(
                ("passed", "failed", "not_applicable", "advisory_failed", "recorded_tai_ns"), 0
            )
            session.add(
                MeasurementRow(
                    **facts,
                    mode="internal",
                    limits_version="1",
                    uri="",
                    sha256="",
                    exposures=1,
                    first_begin_tai_ns=begin,
                    last_begin_tai_ns=begin,
                    **counts,
                )
            )
            noise = 9.0 if night == 11 else 5.0 + 0.01 * (night % 3)
            session.add(
                MetricRow(
                    **facts,
                    number=0,
                    exposure_id=f"e{night}",
                    begin_tai_ns=begin,
                    amplifier="A00",
                    name="NOISE",
                    value=noise,
                    unit="electron",
                )
            )
            session.add(
                CertifiedRow(
                    certification_id=f"c{night}", product_id=product, collection="c", recorded_tai_ns=0
                )
            )
    database.close()
    return tmp_path


def test_a_trend_is_shown_with_what_is_out_of_family(nights):
    words = ("trends", "--metric", "NOISE", "--instrument", "simcam", "--data-dir", nights)
    said = here(*words, "--kind", "bias", "--detector", 0).out
    *_, before, last = said.strip().splitlines()
    assert before.split()[:3] == ["bias", "0", "A00"]
    assert before.split()[-1] == "10"  # points of history, and nothing to remark
    assert last.endswith("out of family")
    rows = asked(*words)
    assert [row["out"] for row in rows] == [False] * 11 + [True]
    assert rows[-1]["z"] > 100
    assert len(asked(*words, "--since", "2026-01-12")) == 1
    assert asked(*words, "--amplifier", "A01") == []
    two = here(*words, "--limit", 2, "--json")
    assert json.loads(two.out) == rows[-2:]
    assert two.err == "The latest 2 frames are shown, there are more; give a larger --limit.\n"
    assert here(*words, "--limit", 12).err == ""


def test_a_time_that_is_none_is_refused(nights):
    said = here(
        "trends", "--metric", "NOISE", "-i", "simcam", "--since", "soon", "--data-dir", nights, code=1
    )
    assert "--since soon" in said.err


def test_without_anything_the_commands_say_so(tmp_path):
    said = here("trends", "--metric", "NOISE", "-i", "simcam", "--data-dir", tmp_path).out
    assert said == "Nothing was measured yet. Try `calibrant demo`.\n"
    assert "Nothing waits for a person." in here("waiting", "--data-dir", tmp_path).out
    assert asked("waiting", "--data-dir", tmp_path) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--metric", "NOIS"), "No exposure of simcam has a NOIS; there are NOISE."),
        (
            ("--metric", "NOISE", "--detector", 77),
            "No exposure of simcam that was asked for has a NOISE; others have.",
        ),
        (("--metric", "NOISE", "-i", "simcm"), "Nothing of simcm was measured; only of simcam."),
    ],
)
def test_where_nothing_is_found_it_is_said_what_there_is(nights, words, says):
    assert says in here("trends", "-i", "simcam", *words, "--data-dir", nights).out


def test_sparklines_go_from_the_least_to_the_largest():
    assert sparkline([5.0, 5.0]) == "▄▄"
    assert sparkline([0.0, 7.0, 3.5]) == "▁█▅"
    row = {"kind": "flat", "detector": 1, "amplifier": None, "filter": "r"}
    assert sparklines([{**row, "value": 1.0}, {**row, "value": None}, {**row, "value": 3.0}]) == [
        "flat r detector 1  ▁█  1 to 3"
    ]


@pytest.fixture
def waiting(tmp_path):
    database = opened(tmp_path, calibrant.certify)
    job = CertifyJob(
        job_id="j",
        products=(),
        report_id="r",
        collection="c",
        validity=TimeRange(),
        requested_by="x",
        reason="y",
    )
    with database.writing() as session:
        for number in (1, 2):
            session.add(
                WaitingRow(
                    waiting_id=f"wait-{number}",
                    state="waiting",
                    job=job.to_json().decode(),
                    product_id=f"bias-{number}",
                    instrument="simcam",
                    kind="bias",
                    detector=number,
                    collection="c",
                    report_id="r",
                    run_id="run-1",
                    because="scores grey: no history",
                    asked_tai_ns=NIGHT,
                )
            )
    database.close()
    return tmp_path


def test_people_reject_from_the_command_line_once_and_with_a_reason(waiting):
    place = ("--data-dir", waiting)
    listed = here("waiting", *place).out
    assert "scores grey: no history" in listed
    assert "calibrant waiting accept ID" in listed
    assert "state" not in listed  # all wait
    assert [row["id"] for row in asked("waiting", *place)] == ["wait-1", "wait-2"]
    assert "bias-1 is rejected" in here("waiting", "reject", "wait-1", "--reason", "stripes", *place).out
    again = here("waiting", "accept", "wait-1", "--reason", "fine", *place, code=1).err
    assert "wait-1 was rejected by" in again
    assert again.count("\n") == 1
    assert [row["id"] for row in asked("waiting", *place)] == ["wait-2"]
    shown = asked("waiting", "show", "wait-1", *place)
    assert (shown["state"], shown["reason"]) == ("rejected", "stripes")
    assert {row["state"] for row in asked("waiting", "--all", *place)} == {"rejected", "waiting"}
    assert "reason" in here("waiting", "reject", "wait-2", "--reason", " ", *place, code=1).err
