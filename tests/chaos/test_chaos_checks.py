"""Each check holds for a small site where all is well, and fails for each violation of what it checks."""

import pytest
from small_site import also, event, spoilt

from chaos.acquisition_checks import commands, exposures, runs, steps
from chaos.checks import CHECKS
from chaos.delivery_checks import dead_letters, executions, inboxes, offsets, outboxes, scratch
from chaos.left import Left
from chaos.undisturbed import same_products


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_all_is_well_where_all_is_well(check, left):
    answer = check(left)
    assert answer.wrong == ()
    assert answer.looked_at > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"state": "processing"}, "is processing"),
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


def test_a_run_of_which_nothing_came_even_without_faults_is_no_success(left):
    assert same_products(Left(), ["run-1"], Left(), ["run-1"]).wrong
