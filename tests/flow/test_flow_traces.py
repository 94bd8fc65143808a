"""A whole run, from the request to the announcements, is one trace that hangs together over all services."""

from calibrant.observatory.testing import Calibrant
from calibrant.runtime.ids import trace_parent
from calibrant.runtime.testing.otlp import collector

SERVICES = {"sequencer", "camera", "ingest", "combine", "verify", "certify", "archive"}
BIASES = """
instrument: simcam-tiny
script_mode: BIAS
n_bias: 3
n_discard_bias: 0
generate_calibrations: true
"""


def test_a_run_is_one_trace_from_the_request_to_the_announcement(tmp_path):
    (tmp_path / "biases.yaml").write_text(BIASES)
    with collector() as found:
        calibrant = Calibrant(tmp_path, forked=True, CALIBRANT_OTLP_ENDPOINT=found.endpoint)
        said = calibrant("run", "biases.yaml", "--data-dir", "data", "--json").json
    run_id = said["run"]["run_id"]
    _, trace, root, _ = trace_parent(run_id, run_id).split("-")
    spans = [span for span in found.spans if span.trace == trace]
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans)
    assert [span.id for span in spans if not span.parent] == [root]
    assert [span.name for span in spans if span.parent and span.parent not in by_id] == []
    assert {span.service for span in spans} == SERVICES
    announced = [span for span in spans if span.name == "emit ProductPublished"]
    assert len(announced) == len(said["calibrations"]) == 2
    for span in announced:
        way = [span]
        while way[-1].parent:
            way.append(by_id[way[-1].parent])
        names = [f"{one.service} {one.name}" for one in reversed(way)]
        assert names[0] == "sequencer run"
        # what made the last step possible, back to the command that took the last frame
        passed = [
            "camera execute takeImages",
            "camera emit ExposureStored",
            "ingest emit FrameIngested",
            "combine emit JobDone",
            "verify emit VerificationCompleted",
            "certify emit CalibrationCertified",
            "archive publish",
            "archive emit ProductPublished",
        ]
        assert list(dict.fromkeys(name for name in names if name in passed)) == passed
