"""A camera in a process of its own: --check, and a kill in mid-exposure."""

import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from calibrant.runtime.testing.forks import Forked, ran

PATIENCE_S = 60.0
IMPORTED = ("calibrant.runtime.main", "calibrant.camera.app", "alembic.command", "alembic.ddl")


def environment(**settings):
    chosen = {"instrument": "simcam-tiny", "worker_slots": 1} | settings
    return os.environ | {f"CALIBRANT_{name.upper()}": str(value) for name, value in chosen.items()}


class Camera:
    """``python -m calibrant.camera`` on a data folder."""

    def __init__(self, folder, **settings):
        self.log = folder.parent / f"camera-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = Forked(
                [sys.executable, "-m", "calibrant.camera", "--port", "0", "--data-dir", str(folder)],
                modules=IMPORTED,
                stderr=log,
                env=environment(**settings),
            )
        found = self.until(
            lambda: re.search(
                r"listens on (http://[\d.:]+), for operators on (http://[\d.:]+)", self.log.read_text()
            )
        )
        self.client = httpx.Client(base_url=found[1])
        self.ops = found[2]
        self.until(self.started)

    def started(self):
        try:
            return httpx.get(f"{self.ops}/startup").status_code == 200
        except httpx.TransportError:
            return False

    def until(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        return value

    def command(self, name, **order):
        return self.client.post(f"/commands/{name}", json=order).json()

    def take(self, command_id):
        self.command("start")
        self.command("enable")
        return self.command("takeImages", command_id=command_id, num_images=2, image_type="BIAS")

    def done(self, command_id):
        def final():
            found = self.client.get(f"/commands/{command_id}").json()
            return found if found["state"] == "done" else None

        return self.until(final)

    def stop(self, number):
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def raw_files(folder):
    return sorted(p.name for p in (folder / "objects" / "raw").glob("2*/*"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def test_check_builds_everything_and_exits(folder):
    done = subprocess.run(
        [sys.executable, "-m", "calibrant.camera", "--check", "--data-dir", str(folder)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "camera: everything builds\n")


def test_killed_in_mid_exposure_it_aborts_cleans_up_and_goes_on_with_new_numbers(folder):
    # Reading out takes 2 s / 0.05 = 40 s here: the files are written, the exposure is not yet recorded.
    camera = Camera(folder, speed=0.05)
    camera.take("first")
    camera.until(lambda: len([name for name in raw_files(folder) if name.endswith(".fits")]) == 2)
    assert camera.stop(signal.SIGKILL) == -signal.SIGKILL
    half = folder / "objects" / "raw" / "20260101" / ".SC_O_20260101_000001_1.fits.0123abcd"
    half.write_bytes(b"SIMPLE  =")  # as a kill within the writing of a file leaves it

    camera = Camera(folder)
    aborted = camera.done("first")
    assert [ack["code"] for ack in aborted["acks"]] == [301, -303]
    assert aborted["acks"][-1]["result"].startswith("the camera was restarted after 0 of 2 image(s)")
    assert raw_files(folder) == []
    assert camera.client.get("/summary-state").json()["summary_state"] == "STANDBY"

    camera.take("first")  # known, and not carried out again
    camera.take("second")
    names = camera.done("second")["acks"][-1]["image_names"]
    assert names == ["SC_O_20260101_000002", "SC_O_20260101_000003"]
    exposures = camera.client.get("/exposures").json()
    assert [(e["image_number"], e["state"]) for e in exposures] == [
        (3, "stored"),
        (2, "stored"),
        (1, "aborted"),
    ]
    assert len({e["begin_tai_ns"] for e in exposures}) == 3
    assert len(raw_files(folder)) == 2 * 2 * 2
    assert camera.stop(signal.SIGTERM) == 0


def test_a_sigterm_in_mid_exposure_lets_the_command_end(folder):
    camera = Camera(folder, speed=2.0)
    camera.command("start")
    camera.command("enable")
    camera.command("takeImages", command_id="last", image_type="DARK", exposure_time_s=2.0)
    camera.until(lambda: [e["state"] for e in camera.client.get("/exposures").json()] == ["begun"])
    assert camera.stop(signal.SIGTERM) == 0

    camera = Camera(folder)
    ended = camera.client.get("/commands/last").json()
    assert (ended["state"], [ack["code"] for ack in ended["acks"]]) == ("done", [301, 303])
    assert [e["state"] for e in camera.client.get("/exposures").json()] == ["stored"]
    assert camera.stop(signal.SIGTERM) == 0


def test_a_second_camera_of_the_same_name_is_refused_and_leaves_the_first_alone(folder):
    camera = Camera(folder)
    second = ran(
        [sys.executable, "-m", "calibrant.camera", "--port", "0", "--data-dir", str(folder)],
        modules=IMPORTED,
        env=environment(),
    )
    assert second.returncode == 1
    assert (
        f"error: camera camera runs already in this data folder, in process {camera.process.pid}"
        in second.stderr
    )
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{camera.ops}/live").status_code == 200
    other = Camera(folder, component="guider")
    assert other.stop(signal.SIGTERM) == 0
    assert camera.stop(signal.SIGTERM) == 0
