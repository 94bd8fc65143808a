"""A small site where all is well."""

import json

import pytest
from small_site import COPY, PRODUCT, RAW, SUBJECT, entry, event, node

from chaos.left import Left


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
        ("sequencer", "sequencer_run"): [{"run_id": "run-1", "state": "done"}],
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
