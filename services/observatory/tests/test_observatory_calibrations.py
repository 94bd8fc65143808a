"""``calibrant calibrations rebuild`` on a ledger whose ranges in force somebody has changed."""

from pathlib import Path

import pytest
from sqlalchemy import text

import calibrant.certify
from calibrant.certify.in_force import record
from calibrant.certify.ledger import EntryRow
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
