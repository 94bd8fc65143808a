"""``calibrant calibrations``: changing the register, and a rebuild where somebody has changed the ranges in force."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

import calibrant.certify
from calibrant.certify.changes import Change, Order
from calibrant.certify.in_force import record
from calibrant.certify.ledger import EntryRow
from calibrant.certify.products import keep_built
from calibrant.certify.reports import ReportRow
from calibrant.contracts.common.v1 import DataRef, Product, TimeRange
from calibrant.observatory.testing import asked, here
from calibrant.runtime.adapters import open_database
from calibrant.runtime.settings import PlatformSettings

MIGRATIONS = Path(calibrant.certify.__file__).parent / "migrations"


@pytest.fixture
def changed_folder(tmp_path):
    database = open_database(PlatformSettings(data_dir=tmp_path), "certify")
    database.migrate([MIGRATIONS])
    facts = dict.fromkeys(("report_id", "requested_by", "reason", "job_id", "run_id"), "x")
    subject = {"collection": "simcam/calib/daily", "instrument": "simcam", "kind": "bias", "detector": 3}
    with database.writing() as session:
        for number in (1, 2):
            line = EntryRow(
                certification_id=f"cert-{number}",
                action="certify",
                product_id=f"bias-{number}",
                product="{}",
                begin_tai_ns=number * 100,
                end_tai_ns=number * 100 + 100,
                recorded_tai_ns=number,
                **subject,
                **facts,
            )
            record(session, line)
        session.execute(text("DELETE FROM certify_in_force WHERE sequence = 2"))
    database.close()
    return tmp_path


def test_a_rebuild_says_how_many_ranges_there_are_and_what_differed(changed_folder):
    rebuild = ("calibrations", "rebuild", "--data-dir", changed_folder)
    assert here(*rebuild).out == "2 ranges in force: 1 added, 0 removed\n"
    assert here(*rebuild).out == "2 ranges in force, as they were\n"
    assert asked(*rebuild) == {"ranges": 2, "added": 0, "removed": 0}


def test_where_nothing_was_certified_there_is_nothing_to_rebuild(tmp_path):
    assert "nothing was ever certified" in here("calibrations", "rebuild", "--data-dir", tmp_path, code=1).err


@pytest.fixture
def register_folder(tmp_path):
    """A data folder in which certify was told of two biases and the report that accepts them."""
    database = open_database(PlatformSettings(data_dir=tmp_path), "certify")
    database.migrate([MIGRATIONS])
    with database.writing() as session:
        order = Order.now(session, 1, change_id="", who="combine", reason="built", run_id="r")
        keep_built(Change(session, order), tuple(product(name) for name in ("bias-1", "bias-2")))
        for name in ("bias-1", "bias-2"):
            session.add(
                ReportRow(
                    report_id="r1", detector=0, product_id=name, accepted=True, reason="", told_tai_ns=1
                )
            )
    database.close()
    return tmp_path


def product(name):
    ref = DataRef(uri=f"objects:{name}", sha256=name, size_bytes=1, media_type="image/fits")
    subject = {"kind": "bias", "instrument": "simcam", "detector": 0}
    return Product(
        product_id=name, ref=ref, unit="adu", per_second=False, inputs=3, observed=TimeRange(), **subject
    )


def test_the_register_is_changed_looked_into_and_changed_back(register_folder):
    def say(*words, **options):
        return here("calibrations", *words, "--data-dir", register_folder, **options)

    daily, night = "simcam/calib/daily", ("--at", "2026-01-01T12:00:00", "--instrument", "simcam")
    in_daily = ("--collection", daily, "--begin", "2026-01-01")
    say("certify", "bias-1", *in_daily, "--end", "2026-01-02", "--why", "first night")
    refused = say("certify", "bias-2", *in_daily, "--why", "better", code=1).err
    assert "bias-1 is certified" in refused
    changed = say("supersede", "bias-2", *in_daily, "--why", "better").out
    assert "superseded by bias-2" in changed
    say("collections", "chain", "simcam/calib", daily, "--why", "all there is")
    one = ("--detector", "0", "--kind", "bias")
    assert "bias-2" in say("find", *night, *one, "--collection", "simcam/calib").out
    whole = say("find", *night, "--kind", "bias", code=1).out
    assert "missing: no bias of simcam detector 1" in whole
    wrong = say("find", *night, "--kind", "bais", "--detector", "7", "--collection", "dayly", code=1).err
    assert "simcam has no kind bais: it has bias, " in wrong
    assert "simcam has no detector 7: it has 0, 1" in wrong
    assert "there is no collection dayly" in wrong
    assert "without a filter no flat" in say("find", *night, "--detector", "0", code=1).err
    nobody = say("find", *night[:2], *one, "--instrument", "simcma", code=1).err
    assert "instrument simcma: no such instrument" in nobody
    say("undo", changed.partition(":")[0], "--why", "no better after all")
    assert "bias-1" in say("find", *night, *one).out
    whys = [row["why"] for row in asked("calibrations", "history", "--data-dir", register_folder)]
    assert whys == ["no better after all", "all there is", "better", "first night"]
    assert say("history", "--who", "nobody").out == "No change is like that: leave out an option.\n"
    for words in ("list", "history"):
        cut, every = say(words, "--limit", "1", "--json"), say(words, "--json")
        assert json.loads(cut.out) == json.loads(every.out)[:1]
        assert cut.err == "The latest 1 are shown, there are more; give a larger --limit.\n"
        assert every.err == ""
    say("decertify", "--collection", daily, "--why", "none named", code=1)
    assert "reason" in say("decertify", "--collection", daily, "--kind", "bias", "--why", "", code=2).err
