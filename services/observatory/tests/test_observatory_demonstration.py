"""The demonstration takes only what a camera has: its filters, and its flaw where its file describes one."""

import pytest

from calibrant.frames.instrument import list_instruments, load_instrument
from calibrant.observatory.demonstration import FRAMES, demo_exposures, demo_flaws

SIMULATED = [name for name in list_instruments() if load_instrument(name).simulation]


@pytest.mark.parametrize("name", SIMULATED)
def test_every_simulated_camera_can_be_demonstrated(name):
    instrument = load_instrument(name)
    taken = demo_exposures(instrument)
    assert [one.image_type for one in taken] == [kind.upper() for kind in FRAMES]
    assert taken[-1].filter in instrument.simulation.get("filters", ["r"])
    assert demo_flaws(instrument) == ("light-leak",)


def test_a_camera_without_the_flaw_goes_without():
    instrument = load_instrument("simcam")
    without = {key: value for key, value in instrument.simulation.items() if key != "flaws"}
    assert demo_flaws(instrument.model_copy(update={"simulation": without})) == ()
