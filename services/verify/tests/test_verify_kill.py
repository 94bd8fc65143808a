"""Verify killed between file, rows and answer, measuring and deciding: after the next start there is one of each."""

import asyncio

import pytest

from calibrant.contracts.verify.v1 import MeasurementCompleted, VerificationCompleted
from calibrant.runtime.objects import open_store
from calibrant.runtime.probe import Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.killed import Mortal, events_of
from calibrant.verify.app import create_app
from calibrant.verify.reports import MeasurementReport
from calibrant.verify.settings import VerifySettings
from calibrant.verify.tables import MeasurementRow, MetricRow, ReportRow, ResultRow

STEPS = pytest.mark.parametrize(
    ("step", "files", "written"),
    [(Step.ARTIFACT_PUT, 2, 0), (Step.BEFORE_COMMIT, 2, 0), (Step.COMMITTED, 2, 1)],
)


@pytest.fixture
def make_verify(tmp_path, database_site):
    settings = VerifySettings(data_dir=tmp_path, database=database_site.setting, worker_slots=1)
    return lambda job: Mortal("verify", create_app, settings, {"sequencer": [job]}, events=1)


def reports(verify):
    return {f"objects:{key}" for key in open_store(verify.settings).keys("reports")}


def answer(verify):
    (event,) = asyncio.run(events_of(verify.settings, "verify-results"))
    return event.data


@STEPS
def test_a_measurement_is_kept_whole_and_told_once(step, files, written, make_verify, bench):
    frames = bench.frames("bias", 3)
    verify = make_verify(bench.measure_job(bench.master("bias", frames), frames))
    verify.dies(step)
    assert (len(reports(verify)), len(verify.rows(MeasurementRow))) == (files, written)
    assert [bool(verify.rows(table)) for table in (MetricRow, ResultRow)] == [bool(written)] * 2
    verify.lives()
    (row,) = verify.rows(MeasurementRow)
    completed = MeasurementCompleted.from_json(answer(verify))
    assert completed.results.uri == row.uri
    assert reports(verify) == {row.uri, completed.preview.uri}
    told = MeasurementReport.model_validate_json((bench.folder / row.uri.replace(":", "/")).read_text())
    assert len(verify.rows(ResultRow)) == len(told.results)
    assert verify.rows(OutboxRow) == []


@pytest.mark.parametrize(
    "database_site", ["sqlite"], indirect=True
)  # each life draws a page, on either database
@STEPS
def test_a_report_is_kept_whole_and_told_once(step, files, written, make_verify, bench):
    frames = bench.frames("bias", 3)
    _, measured = bench.measure(bench.master("bias", frames), frames)
    verify = make_verify(bench.decide_job("bias", [measured]))
    before = reports(verify)
    verify.dies(step)
    assert (len(reports(verify) - before), len(verify.rows(ReportRow))) == (files, written)
    verify.lives()
    (row,) = verify.rows(ReportRow)
    completed = VerificationCompleted.from_json(answer(verify))
    assert reports(verify) - before == {completed.report.uri, completed.page.uri}
    assert (row.uri, row.page_uri) == (completed.report.uri, completed.page.uri)
    assert completed.report_id == row.report_id
    assert verify.rows(OutboxRow) == []
