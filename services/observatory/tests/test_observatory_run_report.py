"""The report of a run as a person reads it."""

from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.sequencer.v1 import RunReport, SetReport, TakenReport, WithheldReport
from calibrant.observatory.cli.run_report import lines, told_run


def test_each_part_is_a_line_and_nothing_is_said_of_what_there_is_not():
    report = RunReport(
        run_id="night-1",
        instrument="simcam",
        state="done with failures",
        begun=TaiTime.from_ns(1),
        taken=(TakenReport(what="DARK", asked=5, taken=4, frames=8, missing=("exposure 5: FAILED",)),),
        sets=(
            SetReport(
                kind="dark",
                set_key="20260101",
                made=(0, 1),
                verified=(0,),
                with_failures=(0,),
                noticed=("detector 0, C01 is noisy",),
                withheld=(
                    WithheldReport(detectors=(1,), reason="it leaks light"),
                    WithheldReport(detectors=(2,), reason="too few frames"),
                ),
            ),
            SetReport(
                kind="bias",
                set_key="20260101",
                withheld=(WithheldReport(detectors=(0,), reason="noisy"),),
                report_id="report-1",
            ),
        ),
        message="2 products made",
    )
    assert list(lines(report)) == [
        ("taken", "DARK", "4 of 5, 8 frames"),
        ("missing", "DARK", "exposure 5: FAILED"),
        ("made", "dark 20260101", "detectors 0, 1"),
        ("verified", "dark 20260101", "detector 0; with failures"),
        ("withheld", "dark 20260101", "detector 1: it leaks light"),
        ("not made", "dark 20260101", "detector 2: too few frames"),
        ("noticed", "dark 20260101", "detector 0, C01 is noisy"),
        ("failed", "bias 20260101", "detector 0: noisy"),
        ("message", "", "2 products made"),
    ]


def test_a_run_is_shown_with_dates_and_without_what_is_empty():
    run = {"run_id": "night-1", "held": "", "begun_tai_ns": 1_767_225_637_000_000_000, "ended_tai_ns": None}
    assert told_run(run) == {"run_id": "night-1", "begun (UTC)": "2026-01-01 00:00:00"}
