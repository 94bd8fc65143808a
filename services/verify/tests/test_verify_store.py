"""Recording measurements and reports and asking for them; the schema."""

from pathlib import Path

import pytest
from sqlmodel import func, select

from calibrant.bus.cloudevents import Envelope
from calibrant.contracts.verify.v1 import MeasureJob, MeasurementCompleted, VerificationCompleted
from calibrant.runtime.clock import SystemClock
from calibrant.runtime.handlers import Context, JobResult
from calibrant.runtime.new_rows import insert_now
from calibrant.verify.handlers import record_measurements, record_report
from calibrant.verify.reports import MeasurementReport, SetReport
from calibrant.verify.rows import measurement_rows, report_rows
from calibrant.verify.service import VerifyService
from calibrant.verify.store import VerifyQueries
from calibrant.verify.tables import MetricRow, ResultRow


def tell(bench, database, job, ref):
    measure = isinstance(job, MeasureJob)
    record = record_measurements if measure else record_report
    service = VerifyService(bench.objects)
    result = JobResult(execution_id="run-1", artifacts=bench.artifacts[ref.uri])
    envelope = Envelope(
        id="event-1",
        source="/calibrant/sequencer",
        type=job.message_type,
        time_utc="2026-01-01T00:00:00Z",
        data=b"{}",
    )
    with database.writing() as session:
        told = list(record(job, result, Context(service, session, envelope, SystemClock())))
        insert_now(session)
        return told


@pytest.fixture
def measured(bench, database):
    """Measure three biases and record them: the job, its file and what was told."""
    frames = bench.frames("bias", 3)
    job = bench.measure_job(bench.master("bias", frames), frames)
    _, ref = bench.compute(job)
    return job, ref, tell(bench, database, job, ref)


@pytest.fixture
def decided(bench, database, measured, monkeypatch):
    monkeypatch.setattr("calibrant.verify.deciding.findings", lambda *_of: ("detector 0 is warm",))
    job, ref, _ = measured
    inputs = [job.inputs[0].model_copy(update={"role": "measurements", "id": job.job_id, "ref": ref})]
    decide = bench.decide_job("bias", inputs, missing={1: "no product"})
    _, ref = bench.compute(decide)
    return decide, ref, tell(bench, database, decide, ref)


def count(database, table):
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_measurements_are_told_with_their_counts(measured):
    job, ref, (told,) = measured
    assert isinstance(told, MeasurementCompleted)
    assert (told.job_id, told.product_id, told.kind) == (job.job_id, job.reference.product_id, "bias")
    assert told.results == ref
    assert (told.passed, told.failed, told.not_applicable) == (51, 0, 0)
    assert MeasurementCompleted.from_json(told.to_json()) == told


def test_recording_again_changes_nothing_and_tells_the_same(bench, database, measured):
    job, ref, told = measured
    before = count(database, MetricRow), count(database, ResultRow)
    assert before[1] == 3 * (4 * 5 + 1)
    assert tell(bench, database, job, ref) == told
    assert (count(database, MetricRow), count(database, ResultRow)) == before


def test_every_row_has_a_value_for_every_column_of_its_table(bench, measured, decided):
    measurements, report = (
        form.model_validate_json(bench.objects.local_path(ref).read_bytes())
        for form, (_, ref, _) in ((MeasurementReport, measured), (SetReport, decided))
    )
    rows = [*measurement_rows(measurements, measured[1], 1), *report_rows(report, decided[1], decided[1], 1)]
    assert {table.__tablename__ for table, _ in rows} == {
        "verify_measurement",
        "verify_metric",
        "verify_result",
        "verify_report",
        "verify_decision",
    }
    assert all(row.keys() == table.model_fields.keys() for table, row in rows)


def test_a_decision_is_told_by_detector(bench, database, decided):
    job, ref, (told,) = decided
    assert isinstance(told, VerificationCompleted)
    assert (told.report_id, told.set_key) == (f"report-{job.job_id[:12]}", "20260101")
    assert told.report == ref
    assert told.outcome == "certified with failures"
    good, missing = told.decisions
    assert (good.detector, good.accepted, good.verdict) == (0, True, "certified")
    assert good.product_id.startswith("bias-")
    assert (missing.detector, missing.accepted, missing.product_id) == (1, False, "")
    assert missing.reason == "missing: no product"
    assert told.findings == ("detector 0 is warm",)
    assert told.gate == job.gate
    counts = told.counts
    assert (counts.exposures, counts.detectors, counts.exposures_needed, counts.detectors_needed) == (
        3,
        2,
        2,
        2,
    )
    assert (counts.passed, counts.failed, counts.unmeasured, counts.withheld) == (51, 0, 3, 1)
    assert {(one.test, one.failed_exposures, one.fails) for one in counts.types} >= {("MEASURED", 0, False)}
    assert told.reasons[0] == "3 of 6 detector exposures have no deciding result"
    assert told.limits_version == "simcam-tiny-1.0.0"
    assert VerificationCompleted.from_json(told.to_json()) == told
    assert tell(bench, database, job, ref) == [told]


def test_reports_are_listed_by_detector_and_shown_whole(bench, database, decided):
    job, _, (told,) = decided
    with database.reading() as session:
        queries = VerifyQueries(session, bench.objects)
        good, missing = queries.reports(kind="bias", instrument="simcam-tiny")
        assert queries.reports(detector=1) == [missing]
        assert queries.reports(product=told.decisions[0].product_id) == [good]
        assert queries.reports(kind="dark") == []
        assert queries.reports(limit=1) == [good]
        shown = queries.report(told.report_id)
        assert queries.report("report-0") is None
    assert (good["id"], good["set"], good["mode"]) == (told.report_id, "20260101", "internal")
    assert (good["verdict"], missing["verdict"]) == ("certified", "withheld")
    assert Path(good["path"]).is_file()
    assert shown["decision"]["counts"]["exposures"] == 3
    assert shown["thresholds"]["failed_tests"] == 8
    assert shown["lines"] == [good, missing]
    assert good["findings"] == list(shown["findings"]) == ["detector 0 is warm"]
    assert shown["job_id"] == job.job_id


def test_a_report_whose_file_was_changed_is_shown_without_it(bench, database, decided):
    _, ref, (told,) = decided
    bench.objects.path_of(ref.uri).write_text('{"thresholds": "forged"}')
    with database.reading() as session:
        shown = VerifyQueries(session, bench.objects).report(told.report_id)
    assert shown["id"] == told.report_id
    assert "thresholds" not in shown


def test_a_metric_has_a_history(bench, database, measured):
    job, _, _ = measured
    with database.reading() as session:
        queries = VerifyQueries(session)
        asked = {"instrument": "simcam-tiny", "kind": "bias", "detector": 0}
        rows = queries.history(name="NOISE", amplifier="A01", **asked)
        assert len(queries.history(name="NOISE", **asked)) == 12
        last = queries.history(name="NOISE", amplifier="A01", most=1, **asked)
        assert queries.history(instrument="other", name="NOISE") == []
    assert [row["exposure_id"] for row in rows] == ["bias-000", "bias-001", "bias-002"]
    assert last == rows[-1:]
    assert rows[0]["begin_tai_ns"] < rows[1]["begin_tai_ns"]
    assert rows[0]["product_id"] == job.reference.product_id
    assert rows[0]["value"] == pytest.approx(5.2, rel=0.3)
    assert rows[0]["unit"] == "electron"


def test_measurements_and_verdicts_can_be_asked_for(database, measured):
    job, _, _ = measured
    with database.reading() as session:
        queries = VerifyQueries(session)
        (line,) = queries.measurements(job.reference.product_id)
        passed = queries.results(job.job_id, verdict="pass")
        assert len(queries.results(job.job_id)) == 63
    assert line["passed"] == 51
    assert {one["test"] for one in passed} >= {"MEAN", "NOISE", "PROCESSING"}
