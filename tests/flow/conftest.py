"""The ``calibrant`` command in a process of its own, and one finished demonstration for all tests."""

import shutil
from pathlib import Path

import pytest

from calibrant.observatory.testing import Calibrant


@pytest.fixture
def calibrant(tmp_path) -> Calibrant:
    calibrant = Calibrant(tmp_path, forked=True)
    calibrant.patience_s = 200.0
    return calibrant


@pytest.fixture(scope="session")
def demonstrated(once) -> tuple[Path, dict]:
    """A finished demonstration, not to be changed: its data folder and what it printed."""
    words = ("demo", "--instrument", "simcam-tiny", "--data-dir", "data", "--json")
    return once("demonstrated", lambda folder: Calibrant(folder)(*words).out)


@pytest.fixture
def own_copy(demonstrated, tmp_path) -> Path:
    """A copy of the finished demonstration's data folder, to be changed."""
    return shutil.copytree(demonstrated[0], tmp_path / "data")
