"""Fixtures of the frames tests: the small simulated camera."""

import pytest

from calibrant.frames.instrument import Instrument, load_instrument


@pytest.fixture(scope="session")
def tiny() -> Instrument:
    return load_instrument("simcam-tiny")
