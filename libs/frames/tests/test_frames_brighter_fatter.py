"""A brighter-fatter kernel corrects frames where that is asked for: in their electrons, amplifier by amplifier, all charge kept."""

import numpy as np
import pytest

from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import load_instrument
from calibrant.frames.writing import ProductTable, ProductTables, Provenance, TableColumn
from calibrant.pixels import Band, Step
from calibrant.pixels.brighter_fatter import SmoothLaw, from_quarters, move_back

SIMCAM = load_instrument("simcam-tiny")
AMPLIFIERS = SIMCAM.geometry(0).amplifiers
COLUMNS = SmoothLaw(0.8e-6, 1.5).columns(3)
SHIFTS = from_quarters(COLUMNS, COLUMNS.T)


def kernel(names=None, gains=None):
    names = [one.name for one in AMPLIFIERS] if names is None else names
    columns = {
        "AMPLIFIER": names,
        "GAIN": [one.gain_e_per_adu for one in AMPLIFIERS] if gains is None else gains,
        "COLUMNS": [COLUMNS] * 4,
        "ROWS": [COLUMNS.T] * 4,
    }
    table = ProductTable(
        "SHIFTS", tuple(TableColumn(name, np.array(values), name) for name, values in columns.items())
    )
    return ProductTables(
        kind="bfk",
        instrument=SIMCAM.name,
        detector=0,
        detector_name="S00",
        provenance=Provenance("bfk-1", "1" * 64, "bfk", "1", "1", "1" * 64),
        begin_tai_ns=0,
        end_tai_ns=1,
        tables=(table,),
    )


def corrected(product, unit, recorded):
    """Give what the barrier of a detector makes of a frame, by the instrument's gains."""
    geometry, signature = correction(SIMCAM, 0, Choices(brighter_fatter=True), unit, {"bfk": product})
    band = Band(slice(0, geometry.shape[0]), recorded.copy(), np.zeros(geometry.shape, np.uint32), None)
    signature.barriers[Step.BRIGHTER_FATTER].apply(band, geometry)
    return band.data


@pytest.mark.parametrize("unit", ["electron", "adu"])
@pytest.mark.parametrize("other", [1.0, 1.25])
def test_charge_is_moved_back_in_the_electrons_that_shifts_are_told_for(unit, other):
    """`other`: by how much the gain that the kernel was measured with is above the instrument's."""
    geometry = SIMCAM.geometry(0)
    gain = np.ones(geometry.shape)
    for one in AMPLIFIERS:
        gain[one.placed.slices] = one.gain_e_per_adu
    electrons = np.random.default_rng(5).uniform(3e4, 6e4, geometry.shape)
    known = kernel(gains=[other * one.gain_e_per_adu for one in AMPLIFIERS])
    scale = 1.0 if unit == "electron" else gain
    found = corrected(known, unit, electrons / scale) * scale
    expected = move_back(electrons * other, SHIFTS)[0] / other
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.abs(found - electrons).max() > 100
    assert found.sum() == pytest.approx(electrons.sum(), rel=1e-12)


def test_it_is_off_unless_it_is_asked_for_and_a_kernel_of_another_detector_is_named():
    _, signature = correction(SIMCAM, 0, Choices(), "electron", {"bfk": kernel()})
    assert not signature.barriers
    other = kernel(names=["X0", *(one.name for one in AMPLIFIERS[1:])])
    with pytest.raises(
        ValueError, match=f"bfk-1: table SHIFTS has no shifts for amplifier {AMPLIFIERS[0].name}"
    ):
        correction(SIMCAM, 0, Choices(brighter_fatter=True), "electron", {"bfk": other})
