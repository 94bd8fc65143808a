"""What a run came to, from its plan's nodes; a product's state, from what became of it."""

import pytest

from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.sequencer.v1 import RunReport
from calibrant.observatory.catalogue import with_state
from calibrant.observatory.cli.show_run import RunOutcome, show
from calibrant.observatory.summary import Line, lines, noticed
from calibrant.sequencer.store.queries import Count, NodeLine, RunLine, RunView

RUN = RunLine(
    run_id="r",
    instrument="i",
    what="",
    state="done",
    message="",
    begun_tai_ns=0,
    ended_tai_ns=1,
)


def node(type_, state="done", detector=0, **more):
    fields = {
        "kind": "bias",
        "set": "n1",
        "reason": "",
        "notes": (),
        "product_id": "bias-1",
        "report_id": "",
        "used": {},
        "frames": 10,
        "certification_id": "",
        "begin_tai_ns": None,
        "end_tai_ns": None,
        "job_id": "",
    }
    return NodeLine(type=type_, state=state, detector=detector, **fields | more)


def view(*rows):
    nothing = Count()
    return RunView(
        run=RUN,
        phase="",
        exposures=nothing,
        files=nothing,
        nodes={},
        rows=list(rows),
        rejected=[],
        acquisitions=[],
    )


def report(detector=0, verdict="certified", accepted=True, reason=""):
    return {
        "id": "report-1",
        "detector": detector,
        "verdict": verdict,
        "accepted": accepted,
        "reason": reason,
    }


DECIDE = node("decide", detector=None, report_id="report-1")


def test_a_certified_product_has_its_range_and_its_publication():
    certify = node("certify", begin_tai_ns=5, end_tai_ns=9)
    (line,) = lines(
        view(node("build"), node("measure"), DECIDE, certify),
        [report()],
        {"bias-1": {"status": "current", "reason": ""}},
    )
    assert (line.kind, line.set, line.detector, line.frames) == ("bias", "n1", 0, 10)
    assert (line.verdict, line.product, line.report) == ("certified", "bias-1", "report-1")
    assert (line.begin_tai_ns, line.end_tai_ns, line.status) == (5, 9, "current")
    assert line.good


def test_one_with_failures_says_so_and_is_good():
    rows = view(node("build"), DECIDE, node("certify"))
    (line,) = lines(rows, [report(verdict="certified with failures")], {})
    assert (line.verdict, line.good, line.status) == ("certified with failures", True, "")


def test_a_withheld_detector_has_the_reason_and_the_other_goes_on():
    rows = view(
        node("build", detector=0),
        node("build", detector=1, product_id="bias-2"),
        DECIDE,
        node("certify", detector=0),
        node("certify", "withheld", detector=1, reason="MEAN fails"),
    )
    first, second = lines(rows, [report(0), report(1, "not certified", accepted=False)], {})
    assert (first.verdict, first.good) == ("certified", True)
    assert (second.verdict, second.reason, second.good) == ("withheld", "MEAN fails", False)
    assert second.begin_tai_ns is None


@pytest.mark.parametrize("state", ["skipped", "failed"])
def test_what_was_not_built_says_why(state):
    (line,) = lines(view(node("build", state, reason="too few", product_id="")), [], {})
    assert (line.verdict, line.reason, line.good, line.product) == (state, "too few", False, "")


def test_a_set_that_was_built_but_has_no_certification_says_why():
    decide = node("decide", "failed", detector=None, reason="no report")
    (line,) = lines(view(node("build"), decide), [], {})
    assert (line.verdict, line.reason) == ("not certified", "no report")


def test_notes_stay_with_their_calibration():
    (line,) = lines(
        view(node("build", notes=("made without a dark",)), DECIDE, node("certify")), [report()], {}
    )
    assert line.notes == ("made without a dark",)


def test_what_several_detectors_have_to_say_alike_is_said_once(capsys):
    found = [
        Line(kind="flat", set="n1", detector=n, frames=3, product="", verdict="certified", notes=("no dark",))
        for n in (0, 1)
    ]
    told = RunReport(run_id="r", instrument="i", state="done", begun=TaiTime.from_ns(0), message="")
    show(RunOutcome(view(), found, [], [], None, "", told), "", as_json=False)
    assert [one.split() for one in capsys.readouterr().out.splitlines() if one.startswith("note")] == [
        ["note", "flat", "n1", "detectors", "0,", "1", "no", "dark"]
    ]


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        (report(), "passed", ""),
        (report(verdict="certified with failures"), "passed with failures", ""),
        (report(verdict="not certified", accepted=False, reason="NOISE fails"), "failed", "NOISE fails"),
    ],
)
def test_an_external_verification_passes_or_fails(found, verdict, reason):
    (line,) = lines(view(node("measure", product_id="bias-0"), DECIDE), [found], {})
    assert (line.verdict, line.reason, line.good) == (verdict, reason, not reason)


def test_an_external_verification_without_a_report_is_no_pass():
    decide = node("decide", "failed", detector=None, reason="could not decide")
    (line,) = lines(view(node("measure"), decide), [], {})
    assert (line.verdict, line.reason) == ("failed", "could not decide")
    (line,) = lines(view(node("measure")), [], {})
    assert (line.verdict, line.reason) == ("failed", "not verified")


def test_a_failed_publication_is_told():
    certify = node("certify", begin_tai_ns=5, end_tai_ns=9)
    failed = {"bias-1": {"status": "failed", "reason": "objects:products/x is missing"}}
    (line,) = lines(view(node("build"), node("measure"), DECIDE, certify), [report()], failed)
    assert (line.status, line.unpublished) == ("failed", "objects:products/x is missing")


def test_a_run_without_any_plan_has_no_lines():
    assert lines(view(), [], {}) == []


def product(name):
    return {"id": name, "kind": "bias"}


def verified(name, accepted, mode="internal"):
    return {"product": name, "accepted": accepted, "mode": mode}


def test_a_product_is_built_verified_withheld_certified_or_withdrawn():
    reports = [verified("b", accepted=True), verified("c", accepted=False), verified("d", accepted=True)]
    found = with_state([product(name) for name in "abcde"], reports, {"d": "certified", "e": "withdrawn"})
    assert {row["id"]: row["state"] for row in found} == {
        "a": "built",
        "b": "verified",
        "c": "withheld",
        "d": "certified",
        "e": "withdrawn",
    }
    assert {row["kind"] for row in found} == {"bias"}


def test_the_latest_report_counts_and_an_external_one_does_not():
    reports = [
        verified("a", accepted=False, mode="external"),
        verified("a", accepted=True),  # reports come latest first
        verified("a", accepted=False),
    ]
    (row,) = with_state([product("a")], reports, {})
    assert row["state"] == "verified"


def test_what_is_noticed_is_told_once_a_report_whatever_its_detectors():
    found = ["the header says a gain of 1.91", "the light alternates"]
    rows = [{**report(detector), "kind": "flat", "set": "n1", "findings": found} for detector in (0, 1)]
    told = noticed([*rows, {**report(), "id": "report-2", "kind": "bias", "set": "n1", "findings": []}])
    assert [(one.kind, one.report, one.finding) for one in told] == [
        ("flat", "report-1", text) for text in found
    ]
