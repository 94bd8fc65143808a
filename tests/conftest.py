"""What is made once for all worker processes of a test session: data folders, those of a small sequence among them."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calibrant.observatory.testing import Calibrant, Records
from calibrant.runtime.settings import PlatformSettings

Once = Callable[[str, Callable[[Path], str]], tuple[Path, Any]]

SEQUENCE = """
instrument: simcam-tiny
script_mode: BIAS_DARK_FLAT
n_bias: 3
n_discard_bias: 0
n_dark: 3
n_discard_dark: 0
exp_times_dark: 30
n_flat: 3
n_discard_flat: 0
do_gain_from_flat_pairs: false
exp_times_flat: 5
filter: r
on_failure: continue
generate_calibrations: true
"""


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Once:
    """Make a data folder by a command: whoever needs it first makes it, others wait, and nobody changes it.

    Given a name, and what runs the command in a folder and returns the JSON it printed. Returns the data folder
    in there, and what was printed.
    """
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], str]) -> tuple[Path, Any]:
        folder = common / name
        said = folder / "said.json"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.exists():
                shutil.rmtree(folder / "data", ignore_errors=True)
                said.write_text(make(folder))
        return folder / "data", json.loads(said.read_text())

    return made


@pytest.fixture(scope="session")
def camera() -> dict[str, str]:
    """Variables that switch on a light leak in one of the simulated camera's detectors."""
    return {"CALIBRANT_INSTRUMENT": "simcam-tiny", "CALIBRANT_FLAWS": '["light-leak"]'}


@pytest.fixture(scope="session")
def sequence(tmp_path_factory) -> Path:
    """A file with a sequence of 9 exposures: biases, darks, flats."""
    path = tmp_path_factory.mktemp("sequence") / "sequence.yaml"
    path.write_text(SEQUENCE)
    return path


@pytest.fixture(scope="session")
def embedded(once, sequence, camera) -> tuple[dict, Records]:
    """That sequence in one process with all that is embedded: what it said and what it left."""

    def make(folder: Path) -> str:
        command = Calibrant(folder, **camera, CALIBRANT_DATA_DIR=str(folder / "data"))
        return command("run", sequence, "--flaw", "light-leak", "--json", code=3).out

    data, said = once("embedded", make)
    return said, Records(PlatformSettings(data_dir=data))
