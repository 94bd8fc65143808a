"""Fixtures of the frames tests: the small simulated camera, and where the real frames lie."""

import os
from pathlib import Path

import pytest

from calibrant.frames.instrument import Instrument, load_instrument


@pytest.fixture(scope="session")
def tiny() -> Instrument:
    return load_instrument("simcam-tiny")


@pytest.fixture(scope="session")
def real_data() -> Path:
    root = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("CALIBRANT_REAL_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real frames in {folder}; set CALIBRANT_REAL_DATA")
    return folder
