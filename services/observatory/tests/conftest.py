"""Fixtures of the observatory's tests: settings on an empty folder, and the command as a person runs it."""

import pytest

from calibrant.observatory.settings import ObservatorySettings
from calibrant.observatory.testing import Calibrant


@pytest.fixture
def settings(tmp_path):
    return ObservatorySettings(data_dir=tmp_path / "data", instrument="simcam-tiny", worker_slots=1, port=0)


@pytest.fixture
def calibrant(tmp_path):
    return Calibrant(tmp_path, forked=True)
