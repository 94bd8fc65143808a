"""The README's commands, run as they stand there: on the small simulated camera where a camera can be chosen."""

import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from calibrant.observatory.testing import Calibrant, asked

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
LINES = [line.partition("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("calibrant ")]
TARGETS = [line.split()[1] for line in LINES if line.startswith("make ")]


def words(line):
    """Return the words after the command's name, with the small camera for the large one."""
    return ["simcam-tiny" if word == "simcam" else word for word in shlex.split(line)[1:]]


@pytest.fixture
def place(calibrant, demonstrated, tmp_path):
    """A folder to work in, like a clone after ``make demo``, with the small camera in the example."""
    shutil.copytree(demonstrated[0], tmp_path / "calibrant-data")
    for example in (ROOT / "docs" / "examples").glob("*.yaml"):
        copy = tmp_path / example.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(
            re.sub("^instrument: simcam$", "instrument: simcam-tiny", example.read_text(), flags=re.MULTILINE)
        )
    return tmp_path


def test_the_readme_has_its_commands():
    assert {line.split()[1] for line in COMMANDS} >= {
        "demo",
        "replay",
        "run",
        "products",
        "calibrations",
        "up",
    }
    assert {"demo", "test"} <= set(TARGETS)


def test_every_target_is_one_of_make_help():
    said = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert set(TARGETS) <= {line.split()[0] for line in said.splitlines()}


@pytest.mark.parametrize(
    "line", [c for c in COMMANDS if c.split()[1] in ("products", "reports", "calibrations")]
)
def test_a_question_has_an_answer(place, monkeypatch, line):
    monkeypatch.chdir(place)
    assert asked(*words(line))


@pytest.fixture
def calibrant(tmp_path) -> Calibrant:
    """As who follows the page starts it, not forked."""
    return Calibrant(tmp_path)


def test_the_demonstration_is_the_one_that_all_these_tests_look_at(demonstrated):
    assert [line for line in COMMANDS if line.split()[1] == "demo"] == ["calibrant demo"]
    assert demonstrated[1]["run"]["message"].startswith("6 products made, 5 certified, 1 withheld")


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.split()[1] == "run"])
def test_a_sequence_goes_the_whole_way(calibrant, place, line):
    said = calibrant(*words(line)).out
    assert "6 products made, 6 certified" in said
    assert "calibrant-data/objects/archive" in said
    assert "calibrant reports list" in said
    assert "calibrant reports open report-" in said


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.split()[1] == "replay"])
def test_a_replay_takes_a_folder(calibrant, place, line):
    """The README's camera is a real one; here three biases of the simulated one are enough."""
    raw = place / "calibrant-data" / "objects" / "raw" / "20260101"
    (place / "night").mkdir()
    for number in (1, 2, 3):
        shutil.copy(raw / f"SC_O_20260101_{number:06}_0.fits", place / "night")
    changed = {"FOLDER": "night", "st402": "simcam-tiny"}
    assert set(changed) <= set(words(line))
    said = calibrant(*(changed.get(word, word) for word in words(line)), "--data-dir", "another").out
    assert "1 product made, 1 certified" in said


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.split()[1] == "up"])
def test_up_listens_until_stopped(calibrant, place, line):
    process = calibrant.begin(*words(line), "--port", 0)  # 8080 may be in use
    try:
        assert "listens on http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        calibrant.finish(process)
    finally:
        process.kill()


def test_no_command_is_left_out():
    run = {"demo", "run", "replay", "up", "products", "reports", "calibrations"}
    assert [line for line in COMMANDS if line.split()[1] not in run] == []
