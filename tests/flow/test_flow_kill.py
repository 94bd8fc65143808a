"""The demonstration killed at random moments, and interrupted: the same command finishes it, nothing twice."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter

import pytest

from calibrant.observatory.testing import DataFolder, alive, asked, events, wait_until
from calibrant.sequencer.states import ENDED

pytestmark = pytest.mark.timeout(240)
DEMO = ("demo", "--instrument", "simcam-tiny", "--json", "--data-dir")
KILLS = 4
PATIENCE_S = 100.0
DELAYS_S = (1.0, 5.0)
CERTIFIED = [("bias", 0), ("bias", 1), ("dark", 0), ("flat", 0), ("flat", 1)]


def run_ended(data) -> bool:
    """Tell whether the one run has ended; its publications may still be on their way."""
    if not (data.path / "db" / "sequencer.sqlite").exists():
        return False
    try:
        return data.ask("sequencer", "select state from sequencer_run") == [("done with failures",)]
    except sqlite3.OperationalError:  # killed before its tables were made
        return False


def killed(calibrant, after_s: float, *, children: bool) -> bool:
    """Start the demonstration and kill it; False when its run had ended before, which another would follow."""
    process = calibrant.begin(*DEMO, "data")
    try:
        process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        if run_ended(DataFolder(calibrant.folder / "data")):
            calibrant.finish(process)
            return False
        (os.killpg if children else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        wait_until(lambda: not alive(process.pid), "the worker processes have ended with their parent")
        return True
    assert process.returncode == 0
    return False


def check_frames(data):
    frames = asked("frames", "list", "--data-dir", data.path)
    assert len({frame["id"] for frame in frames}) == len(frames) == 50
    assert len({(frame["exposure"], frame["detector"]) for frame in frames}) == 50
    assert Counter(frame["image_type"] for frame in frames) == {"bias": 20, "dark": 10, "flat": 20}


def check_products(data):
    products = asked("products", "list", "--data-dir", data.path)
    made = [(row["kind"], row["detector"]) for row in products]
    assert sorted(made) == [("bias", 0), ("bias", 1), ("dark", 0), ("dark", 1), ("flat", 0), ("flat", 1)]
    results = data.ask("combine", "select job_id from job")
    assert len(set(results)) == len(results) == 6
    certified = {row["id"]: (row["kind"], row["detector"]) for row in products if row["state"] == "certified"}
    assert sorted(certified.values()) == CERTIFIED
    for what in ("calibrations", "publications"):
        rows = asked(what, "list", "--data-dir", data.path)
        assert sorted(row["product"] for row in rows) == sorted(certified), what
    announced = events("publications", data.path)
    ids = {(event["id"], event["data"]["product_id"]) for event in announced}
    assert sorted(product for _, product in ids) == sorted(certified)


def interrupted(calibrant, data, number, code):
    """Interrupt the demonstration once it has taken some exposures more; return its run."""
    raw = data.path / "objects" / "raw"
    more = len(list(raw.glob("*/*.fits"))) + 4
    process = calibrant.begin(*DEMO, "data")
    wait_until(lambda: len(list(raw.glob("*/*.fits"))) > more, "some exposures are taken", PATIENCE_S)
    os.killpg(process.pid, number)
    begun = time.monotonic()
    ended = calibrant.finish(process, code=code)
    assert time.monotonic() - begun < 60
    assert "the same command goes on from here" in ended.err
    assert ended.out == ""
    wait_until(lambda: not alive(process.pid), "its worker processes have ended")
    (run,) = asked("runs", "list", "--data-dir", data.path)
    assert run["state"] not in ENDED
    return run


def test_interrupted_it_says_so_and_killed_at_random_moments_it_finishes_and_does_nothing_twice(
    calibrant, tmp_path
):
    rng = random.Random(20260101)
    calibrant.environment["CALIBRANT_WORKER_SLOTS"] = "2"
    calibrant.forked = False  # so that it has a start to be killed in
    data = DataFolder(tmp_path / "data")
    assert killed(calibrant, rng.uniform(*DELAYS_S), children=True)  # in the midst of its start, too
    before = interrupted(calibrant, data, signal.SIGINT, 130)
    assert interrupted(calibrant, data, signal.SIGTERM, 143)["run_id"] == before["run_id"]
    for number in range(1, KILLS):
        if not killed(calibrant, rng.uniform(*DELAYS_S), children=number % 2 == 0):
            break
    else:
        calibrant(*DEMO, "data")
    (run,) = asked("runs", "list", "--data-dir", data.path)
    assert run["run_id"] == before["run_id"]
    assert run["state"] == "done with failures"
    numbers = data.ask("camera", "select day_obs, image_number, state from camera_exposure")
    assert len({number[:2] for number in numbers}) == len(numbers)
    stored = {(day, number) for day, number, state in numbers if state == "stored"}
    assert len(stored) >= 25
    check_frames(data)
    check_products(data)
    assert data.unrest() == []
