"""Each check holds for a small site where all is well, and fails for each violation of what it checks."""

import copy
import json

import pytest

from calibrant.observatory.testing.records import Event
from chaos.acquisition_checks import commands, exposures, runs, steps
from chaos.checks import CHECKS
from chaos.delivery_checks import dead_letters, executions, inboxes, offsets, outboxes, scratch
from chaos.left import Left
from chaos.product_checks import certifications, files, products, publications, ranges
from chaos.undisturbed import same_products

RAW = {"uri": "objects:raw/20260101/SC_1_0.fits", "sha256": "aa", "size_bytes": 7}
PRODUCT = {"uri": "objects:products/bb.fits", "sha256": "bb", "size_bytes": 8}
COPY = {"uri": "objects:archive/cc.fits", "sha256": "bb", "size_bytes": 8}
SUBJECT = {
    "collection": "x/calib/daily",
    "instrument": "x",
    "kind": "bias",
    "detector": 0,
    "filter": None,
    "begin_tai_ns": 100,
    "end_tai_ns": 200,
}


def event(topic, name, message, **data):
    return Event(topic, name, f"calibrant.any.v1.{message}", "run-1", data)


def node(name, kind, **facts):
    said = {"node_id": name, "product": None, **facts}
    return {"node_id": name, "run_id": "run-1", "type": kind, "job_id": f"job-{name}", "state": "done"} | {
        "node_json": json.dumps(said)
    }


def entry(number, product, begin, end):
    line = SUBJECT | {"begin_tai_ns": begin, "end_tai_ns": end, "product_id": product, "sequence": number}
    more = {"certification_id": f"cert-{product}", "action": "certify", "recorded_tai_ns": 1000 + number}
    return line | more | {"run_id": "run-1", "product": json.dumps({"ref": PRODUCT})}


@pytest.fixture
def left():
    """One command, one exposure, one product, one certification, one publication."""
    ack = {"ack": "ACK_CODE_COMPLETE", "result": "1 image(s) taken"}
    exposure = {"exposure_id": 1, "image_name": "SC_1", "command_id": "c1", "image_index": 1}
    publication = {"publication_id": "pub-p1", "certification_id": "cert-p1", "status": "current"}
    rows = {
        ("camera", "camera_command"): [{"command_id": "c1", "body": json.dumps({"num_images": 1})}],
        ("camera", "camera_ack"): [{"command_id": "c1", "body": json.dumps(ack)}],
        ("camera", "camera_exposure"): [
            exposure | {"state": "stored", "files": json.dumps([{"detector": 0, "ref": RAW}])}
        ],
        ("ingest", "ingest_frame"): [{"sha256": "aa"}],
        ("sequencer", "sequencer_run"): [{"run_id": "run-1", "state": "finished", "outcome": "completed"}],
        ("sequencer", "sequencer_step"): [
            {"step_id": "s1", "run_id": "run-1", "position": 1, "state": "done", "reason": ""}
        ],
        ("sequencer", "sequencer_command"): [
            {"step_id": "s1", "state": "complete", "image_names": "SC_1", "command_id": "c1"}
        ],
        ("sequencer", "sequencer_file"): [
            {"run_id": "run-1", "file_name": "SC_1_0.fits", "state": "ingested", "reason": "", "message": ""}
        ],
        ("sequencer", "sequencer_node"): [
            node("n1", "build", product={"product_id": "p1"}),
            node("n2", "certify", certification_id="cert-p1"),
        ],
        ("combine", "combine_product"): [{"product_id": "p1", "job_id": "job-n1", **PRODUCT}],
        ("combine", "job"): [{"job_id": "job-n1"}],
        ("combine", "execution"): [{"execution_id": "e1", "job_id": "job-n1", "state": "done"}],
        ("combine", "inbox"): [{"event_id": "j1"}],
        ("combine", "outbox"): [],
        ("combine", "dead_letter"): [],
        ("certify", "certify_entry"): [entry(1, "p1", 100, 200)],
        ("certify", "certify_in_force"): [SUBJECT | {"sequence": 1, "product_id": "p1", "filter": ""}],
        ("archive", "archive_publication"): [
            SUBJECT | publication | {"product_id": "p1", "run_id": "run-1", "reason": "", **COPY}
        ],
    }
    events = {
        "camera-commands": [event("camera-commands", "t1", "TakeImages", header={"command_id": "c1"})],
        "camera-events": [event("camera-events", "x1", "ExposureStored", files=[{"ref": RAW}])] * 2,
        "combine-jobs.cpu": [event("combine-jobs.cpu", "j1", "CombineJob", job_id="job-n1")] * 2,
        "combine-results": [event("combine-results", "d1", "JobDone", job_id="job-n1")],
        "certifications": [event("certifications", "k1", "CalibrationCertified", certification_id="cert-p1")],
        "publications": [event("publications", "b1", "ProductPublished", publication_id="pub-p1", ref=COPY)],
        "run-progress": [event("run-progress", "r1", "RunFinished", run_id="run-1")],
    }
    found = {
        ref["uri"].removeprefix("objects:"): (ref["sha256"], ref["size_bytes"])
        for ref in (RAW, PRODUCT, COPY)
    }
    handled = {"combine": frozenset({"calibrant.any.v1.CombineJob"})}
    return Left(rows=rows, events=events, files=found, handled=handled)


def spoilt(check, left, text):
    """Make sure that a check finds what is wrong, and names it."""
    wrong = check(left).wrong
    assert any(text in line for line in wrong), wrong


def also(left, service, table, row=0, **changes):
    """Add a copy of a row, with changes."""
    rows = left.rows[service, table]
    rows.append(copy.deepcopy(rows[row]) | changes)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_all_is_well_where_all_is_well(check, left):
    answer = check(left)
    assert answer.wrong == ()
    assert answer.looked_at > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"state": "working"}, "is working"),
        ({"outcome": ""}, "no outcome"),
        ({"run_id": "r2"}, "told to have"),
    ],
)
def test_a_run_that_did_not_end_or_was_not_told(left, change, text):
    left.rows["sequencer", "sequencer_run"][0].update(change)
    spoilt(runs, left, text)


def test_a_run_told_to_have_ended_twice(left):
    left.events["run-progress"].append(event("run-progress", "r2", "RunFinished", run_id="run-1"))
    spoilt(runs, left, "2 times")


@pytest.mark.parametrize(
    ("table", "change", "text"),
    [
        (("camera", "camera_exposure"), {"state": "begun"}, "SC_1 is begun"),
        (("camera", "camera_ack"), {"body": '{"ack": "ACK_CODE_FAILED", "result": ""}'}, "nobody says why"),
        (("ingest", "ingest_frame"), {"sha256": "zz"}, "neither a frame nor rejected"),
    ],
)
def test_an_exposure_that_nobody_accounts_for(left, table, change, text):
    if table[1] == "camera_ack":
        left.rows["camera", "camera_exposure"][0]["state"] = "aborted"
    left.rows[table][0].update(change)
    spoilt(exposures, left, text)


def test_an_exposure_whose_file_was_rejected_with_a_reason_is_accounted_for(left):
    left.rows["ingest", "ingest_frame"].clear()
    rejection = {"file_name": "SC_1_0.fits", "reason": "damaged"}
    assert exposures(Left(**_parts(left, ("ingest", "ingest_rejection"), [rejection]))).wrong == ()


def _parts(left, table, rows):
    return {"rows": {**left.rows, table: rows}, "events": left.events, "files": left.files}


@pytest.mark.parametrize(
    ("table", "change", "text"),
    [
        ("sequencer_step", {"state": "waiting"}, "is waiting"),
        ("sequencer_step", {"state": "failed"}, "no reason"),
        ("sequencer_command", {"image_names": "SC_9"}, "exposure 1 of run-1 is done"),
        ("sequencer_file", {"state": "ingesting"}, "is ingesting"),
        ("sequencer_file", {"state": "rejected"}, "nobody says why"),
    ],
)
def test_an_exposure_asked_for_without_an_end(left, table, change, text):
    left.rows["sequencer", table][0].update(change)
    spoilt(steps, left, text)


def test_a_command_executed_twice(left):
    also(left, "camera", "camera_exposure", exposure_id=2)
    spoilt(commands, left, "asks for 1 image(s) and has 2")
    spoilt(commands, left, "image of a command")


def test_a_command_taken_in_twice_an_answer_too_many_and_an_exposure_number_given_twice(left):
    also(left, "camera", "camera_command")
    also(left, "camera", "camera_ack")
    also(left, "camera", "camera_exposure", command_id="c2")
    for text in ("command c1: 2 times", "2 final answers", "exposure number 1"):
        spoilt(commands, left, text)


def test_a_command_complete_without_its_images_and_one_never_answered(left):
    left.rows["camera", "camera_exposure"].clear()
    spoilt(commands, left, "asks for 1 image(s) and has 0")
    left.rows["camera", "camera_ack"].clear()
    spoilt(commands, left, "never answered")


def test_a_product_twice_a_result_twice_a_file_too_many(left):
    also(left, "combine", "combine_product", product_id="p2")
    left.events["combine-results"].append(event("combine-results", "d2", "JobDone", job_id="job-n1"))
    left.files["products/dd.fits"] = ("dd", 8)
    for text in ("products of job job-n1", "results of job job-n1", "belongs to nothing: products/dd.fits"):
        spoilt(products, left, text)


def test_a_product_missing_or_expected_by_nobody(left):
    left.rows["combine", "combine_product"][0]["job_id"] = "job-other"
    spoilt(products, left, "no product of job: job-n1")
    spoilt(products, left, "no plan expects: job-other")


def test_a_product_never_announced(left):
    left.events["combine-results"].clear()
    spoilt(products, left, "never announced: job-n1")


def test_a_certification_twice_missing_or_not_announced(left):
    also(left, "certify", "certify_entry", certification_id="cert-2")
    spoilt(certifications, left, "certifications of product p1")
    spoilt(certifications, left, "in the ledger unexpectedly: cert-2")
    left.rows["certify", "certify_entry"].clear()
    spoilt(certifications, left, "not in the ledger: cert-p1")
    spoilt(certifications, left, "announced and not in the ledger: cert-p1")


def test_a_certification_announced_under_two_identifiers(left):
    told = event("certifications", "k2", "CalibrationCertified", certification_id="cert-p1")
    left.events["certifications"].append(told)
    spoilt(certifications, left, "announcement of certification cert-p1: 2 times")


def test_a_publication_twice_pending_missing_or_announced_twice(left):
    also(left, "archive", "archive_publication", status="pending")
    told = event("publications", "b2", "ProductPublished", publication_id="pub-p1")
    left.events["publications"].append(told)
    for text in ("publications of certification", "is pending", "announcement of publication pub-p1"):
        spoilt(publications, left, text)
    left.rows["archive", "archive_publication"].clear()
    spoilt(publications, left, "not published: cert-p1")


def test_ranges_that_overlap_in_the_ledger_or_beside_it(left):
    left.rows["certify", "certify_entry"].append(entry(2, "p2", 199, 300))
    spoilt(ranges, left, "ranges of p1 and p2 overlap")


def test_ranges_that_touch_do_not_overlap(left):
    left.rows["certify", "certify_entry"].append(entry(2, "p2", 200, 300))
    kept = SUBJECT | {"sequence": 2, "product_id": "p2", "filter": "", "begin_tai_ns": 200, "end_tai_ns": 300}
    left.rows["certify", "certify_in_force"].append(kept)
    assert ranges(left).wrong == ()


@pytest.mark.parametrize("change", [{"end_tai_ns": 201}, {"detector": 1}, {"sequence": 7}])
def test_ranges_in_force_that_differ_from_the_ledger(left, change):
    left.rows["certify", "certify_in_force"][0].update(change)
    spoilt(ranges, left, "not kept as in force")
    spoilt(ranges, left, "without a ledger's line")


@pytest.mark.parametrize("found", [("zz", 8), ("bb", 9), None])
def test_a_file_announced_that_is_missing_or_another(left, found):
    left.files.pop("archive/cc.fits")
    if found:
        left.files["archive/cc.fits"] = found
    spoilt(files, left, "objects:archive/cc.fits: announced with bb")


def test_an_event_not_dealt_with_or_twice(left):
    left.rows["combine", "inbox"].append({"event_id": "j1"})
    spoilt(inboxes, left, "event j1: 2 times")
    left.rows["combine", "inbox"].clear()
    spoilt(inboxes, left, "j1 of combine-jobs.cpu was not dealt with")


def test_what_waits_to_be_sent_to_be_read_or_to_be_swept(left):
    left.rows["combine", "outbox"].append({"topic": "combine-results", "key": "k"})
    spoilt(outboxes, left, "combine: combine-results k")
    spoilt(offsets, Left(waiting={"combine: combine-jobs.cpu": 3}), "combine-jobs.cpu: 3 records")
    spoilt(scratch, Left(scratch=["/x/scratch/combine/job"]), "/x/scratch")


def test_an_attempt_left_open_a_job_done_twice_a_result_of_no_attempt(left):
    also(left, "combine", "execution", execution_id="e2", state="running")
    also(left, "combine", "execution", execution_id="e3")
    left.rows["combine", "job"].append({"job_id": "job-n9"})
    for text in ("e2 is running", "done attempts of job ('combine', 'job-n1')", "job-n9') has a result of"):
        spoilt(executions, left, text)


def test_a_dead_letter_and_a_job_that_failed(left):
    letter = {"topic": "combine-jobs.cpu", "message_type": "CombineJob", "error": "fault", "reason": ""}
    left.rows["combine", "dead_letter"].append(letter)
    spoilt(dead_letters, left, "fault: no reason")
    left.events["combine-results"].append(
        event("combine-results", "f1", "JobFailed", job_id="job-n1", reason="out of memory")
    )
    spoilt(dead_letters, left, "job job-n1 failed: out of memory")


def test_products_that_differ_from_those_made_without_faults(left):
    reference = copy.deepcopy(left)
    assert same_products(left, ["run-1"], reference, ["run-1"]).wrong == ()
    left.rows["combine", "combine_product"][0]["sha256"] = "zz"
    left.rows["certify", "certify_entry"].clear()
    wrong = same_products(left, ["run-1"], reference, ["run-1"]).wrong
    for text in (
        "lacks: ('product', 'p1', 'bb')",
        "should not: ('product', 'p1', 'zz')",
        "lacks: ('certification'",
    ):
        assert any(text in line for line in wrong), wrong


def test_a_run_of_which_nothing_came_even_without_faults_is_no_success(left):
    assert same_products(Left(), ["run-1"], Left(), ["run-1"]).wrong
