"""The ``calibrant`` command in a process of its own, and one finished demonstration for all tests."""

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from calibrant.observatory.testing import Calibrant


@pytest.fixture(scope="session")
def common(tmp_path_factory) -> Path:
    """A folder that all worker processes of this test session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture
def calibrant(tmp_path) -> Calibrant:
    return Calibrant(tmp_path)


@pytest.fixture(scope="session")
def demonstrated(common) -> tuple[Path, dict]:
    """A finished demonstration, not to be changed: its data folder and what it printed. Made once a session."""
    folder = common / "demonstrated"
    said = folder / "said.json"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(folder / "data", ignore_errors=True)
            run = Calibrant(folder)
            said.write_text(run("demo", "--instrument", "simcam-tiny", "--data-dir", "data", "--json").out)
    return folder / "data", json.loads(said.read_text())


@pytest.fixture
def own_copy(demonstrated, tmp_path) -> Path:
    """A copy of the finished demonstration's data folder, to be changed."""
    return shutil.copytree(demonstrated[0], tmp_path / "data")
