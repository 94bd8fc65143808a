"""What came of a sequence reads as it went, and stands where the page has room for it."""

from pathlib import Path

import pytest

from calibrant.observatory.sequence import read_sequence
from record.carried import Carried, Order, problems
from record.page import inserted, part_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "recorded-runs.md"


def line(detector, verdict, **changes):
    said = {
        "kind": "bias",
        "set": "20260101",
        "detector": detector,
        "frames": 20,
        "product": f"bias-{detector}",
    }
    return said | {"verdict": verdict, "status": "current", "reason": "", "notes": []} | changes


def test_kinds_are_counted_and_each_reason_is_said_once():
    carried = Carried(
        said={
            "run": {
                "state": "done with failures",
                "message": "3 made. more",
                "begun_tai_ns": 0,
                "ended_tai_ns": 95 * 10**9,
            },
            "calibrations": [
                line(0, "certified"),
                *(line(d, "withheld", frames=19, status="", reason="too noisy") for d in (1, 2)),
                line(None, "skipped", set="", product="", reason="1 discarded"),
            ],
            "noticed": [],
            "rejected": [],
        },
        code=3,
        counts={"camera-events": {"ExposureStored": 21}, "runs": {}},
        repeated=0,
        files={"raw": 42},
        seconds={"services ready": 12.3, "run": 101.4},
        peak_bytes={"camera": 2**28, "verify": 2**29},
        problems=["camera: WARNING it is hot"],
        failures=["bias of detector 0: a little"],
    )
    part = part_of(Order(Path("a.yaml"), "latiss", 20.0), carried)
    assert "`make record SEQUENCE=a.yaml INSTRUMENT=latiss SPEED=20`" in part
    assert "exit code 3: **done with failures**. 3 made.\n" in part
    assert "| bias | 3 | 19 to 20 | 3 | 1 certified, 2 withheld | 1 |" in part
    assert (
        "- withheld: too noisy (2 times)\n- skipped: 1 discarded\n- failed in a certified bias of detector 0: a little\n- in a log: camera: WARNING it is hot\n"
        in part
    )
    assert "| 95 s; 101 s |" in part
    assert "| 768 MiB; 512 MiB (verify) |" in part
    assert "| `camera-events` | 21 ExposureStored |" in part
    assert "`runs`" not in part


def test_a_part_takes_the_place_of_the_one_before_and_a_page_without_room_is_refused():
    page = "a\n<!-- recorded: b -->\nold\n<!-- end of b -->\nz\n"
    assert inserted(page, "b", "new\n") == page.replace("old", "new")
    with pytest.raises(ValueError, match="write <!-- recorded: c --> and <!-- end of c -->"):
        inserted(page, "c", "new\n")


def test_warnings_and_errors_are_found_in_a_log(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "2026-01-01 00:00:00,000 INFO a: an ERROR is told\n2026-01-01 00:00:01,000 ERROR a: broken\nTraceback (most\n"
    )
    assert [one.partition(" ")[0] for one in problems("camera", log)] == ["camera:"] * 2


@pytest.mark.parametrize(
    ("name", "counts"),
    [("latiss-daily", (21, 23, 21)), ("lsstcomcam-daily", (21, 23, 21)), ("lsstcam-biases", (3,))],
)
def test_the_recorded_sequences_ask_for_what_the_page_says(name, counts):
    asked = read_sequence(ROOT / "docs" / "examples" / f"{name}.yaml")
    assert tuple(len(one.exposure_times_s) for one in asked.exposures) == counts
    assert f"<!-- recorded: {name} -->" in PAGE.read_text()
