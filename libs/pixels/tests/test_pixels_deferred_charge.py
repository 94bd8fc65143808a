"""Deferred charge: ArCTIc's numbers, none is lost, and what transfers did is undone in every amplifier."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import (
    Amplifier,
    Band,
    Box,
    Geometry,
    Mask,
    Signature,
    Step,
    Terms,
    combine,
    combine_raw,
    correct_frame,
)
from calibrant.pixels.charge_transfer import (
    ChargeTransfer,
    ElectronicOffset,
    RegisterTrap,
    Transfers,
    Traps,
    defer,
    held_behind,
    restore,
    transfer,
)

HALF = -1 / np.log(0.5)

ARCTIC = (776, 15.3718, 9.65316, 5.8195, 3.41087, 1.95889, 1.10817, 0.619169, 0.342489, 0.187879, 0.102351)
ARCTIC += (0.0554257, 0.0298603, 0.016017, 0.00855758, 0.0045562, 0.00241824, 0.00128579)
"""jkeger/arctic, test_arcticpy.py (MIT): one pixel of 800, third to be read, express 1, density 10, full well 1000."""

PARALLEL = Transfers((Traps(0.02, 1.5, 1e5, power=0.6), Traps(0.05, 6, 1e5, notch=20)), before=1500)
SERIAL = Transfers((Traps(0.01, 0.8, 1e5, power=0.6),), inefficiency=5e-6, before=500)


def sky(shape, seed=1):
    image = np.random.default_rng(seed).poisson(800, shape).astype(float)
    image[shape[0] // 3, :: shape[1] // 4] = 40000
    return image


def plainly_trapped(column, traps):
    """Give what is held after each pixel: a list of (height, occupancy) of all traps, one pixel after the other."""
    heights, full, held = np.linspace(0, 1, 200_001)[:-1], np.zeros(200_000), []
    for charge in column:
        released = traps.density * full.mean() * (1 - np.exp(-1 / traps.release))
        full *= np.exp(-1 / traps.release)
        full[heights < traps.volume(np.array([charge + released]))[0]] = 1
        held.append(traps.density * full.mean())
    return np.array(held)


def test_arctic_with_its_traps_as_full_at_first():
    column = np.zeros((20, 1))
    column[2] = 800
    found = defer(column, Transfers((Traps(10, HALF, 1000),), empty_first=False))[:, 0]
    assert (found[:2] == 0).all()
    assert found[2] == pytest.approx(776, abs=1e-6)
    np.testing.assert_allclose(found[2:], ARCTIC, rtol=0.05)


@pytest.mark.parametrize("traps", [Traps(3, 0.5, 900), Traps(3, 4, 900, notch=50, power=0.5)])
def test_what_traps_hold_is_as_their_heights_say(traps):
    column = np.random.default_rng(2).uniform(0, 1000, 60)
    found = defer(column[:, None], Transfers((traps,), before=0, places=1))[:, 0]
    held = plainly_trapped(column, traps)
    np.testing.assert_allclose(column - found, np.diff(held, prepend=0), atol=2e-4)


@given(
    st.floats(0, 0.5), st.floats(0.3, 5), st.floats(0, 1e-3), st.integers(0, 300), st.sampled_from([1, 3, 9])
)
@settings(max_examples=12, deadline=None)
def test_no_charge_is_lost(density, release, inefficiency, before, passes):
    """Into dark pixels behind, enough of them for the whole trail."""
    image = np.zeros((90, 4))
    image[:12] = sky((12, 4))
    transfers = Transfers((Traps(density, release, 1e5),), inefficiency, before, passes=passes)
    assert defer(image, transfers).sum() == pytest.approx(image.sum(), rel=1e-6)


def test_a_share_is_deferred_as_many_transfers_one_after_the_other_would():
    image, share = sky((30, 8)), 1e-4
    expected = image.copy()
    for done in range(130):
        moved = np.where(np.arange(30)[:, None] + 100 >= done, expected * share, 0)
        expected -= moved
        expected[1:] += moved[:-1]
    found = defer(image, Transfers(inefficiency=share, before=100))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(image - expected).max()


def test_more_passes_come_closer_to_every_transfer_by_itself():
    image = np.zeros((60, 1))
    image[20] = 5000
    traps = (Traps(2, 1, 1e4, power=0.5),)
    exact = defer(image, Transfers(traps, passes=60))
    wrong = [np.abs(defer(image, Transfers(traps, passes=passes)) - exact).max() for passes in (1, 4, 16)]
    assert wrong[0] > wrong[1] > wrong[2]


def test_deferred_charge_is_put_back_and_the_residual_falls_by_the_deferred_share():
    truth = sky((80, 60))
    read = transfer(truth, PARALLEL, SERIAL)
    assert np.abs(read - truth).max() > 100
    found = restore(read, PARALLEL, SERIAL, tolerance=1e-3)
    assert np.abs(found.data - truth).max() < 2e-3
    assert found.converged(1e-3)
    assert len(found.steps) <= 5
    assert all(later < earlier / 50 for earlier, later in zip(found.steps, found.steps[1:], strict=False))
    once = restore(read, PARALLEL, SERIAL, iterations=1, tolerance=1e-3)
    assert not once.converged(1e-3)
    np.testing.assert_array_equal(once.residual, read - transfer(once.data, PARALLEL, SERIAL))


def test_a_register_trap_takes_its_share_gives_it_back_and_is_undone():
    trap = RegisterTrap(30.0, 0.1, 2.0)
    line = np.array([[200.0], [1000.0], [0.0], [0.0], [40.0], *[[0.0]] * 40])
    kept = np.exp(-1 / 2)
    first = 0.1 * 200
    left = 30 * kept * kept
    expected = [
        200 - first,
        1000 + first - 30,
        30 * (1 - kept),
        30 * kept * (1 - kept),
        40 + left * (1 - kept),
    ]
    found = defer(line, Transfers(register_trap=trap))
    np.testing.assert_allclose(found[:5, 0], expected)
    assert found.sum() == pytest.approx(line.sum())
    truth, serial = sky((20, 60)), Transfers(inefficiency=5e-6, before=500, register_trap=trap)
    assert (
        np.abs(restore(transfer(truth, None, serial), None, serial, tolerance=1e-3).data - truth).max() < 5e-3
    )


def test_the_electronic_offset_is_taken_away_with_the_charge_put_back():
    truth, offset = sky((40, 60)), ElectronicOffset(1e-3, 4.0)
    read = transfer(truth, PARALLEL, SERIAL, offset)
    column = truth.shape[1] // 4
    without = transfer(truth, PARALLEL, SERIAL)
    for late in range(6):  # a bright pixel lifts those behind it
        expected = 1e-3 * without[13, column] * np.exp(-late / 4)
        assert (read - without)[13, column + late] == pytest.approx(expected)
    found = restore(read, PARALLEL, SERIAL, offset, tolerance=1e-3)
    assert np.abs(found.data - truth).max() < 2e-3
    assert restore(read[:, :1], offset=offset).data == pytest.approx(read[:, :1] / 1.001, abs=0.01)


def detector(*, flipped):
    """Four amplifiers read from the corners of the detector."""
    amplifiers = []
    for y, x in np.ndindex(2, 2):
        box = Box(40 * y, 40 * y + 40, 30 * x, 30 * x + 30)
        turned = flipped and bool(y), flipped and bool(x)
        amplifiers.append(Amplifier(f"{y}{x}", box, box, turned[1], turned[0], None, None, 1.0, 3.0, 30000.0))
    return Geometry((80, 60), (80, 60), tuple(amplifiers))


@pytest.mark.parametrize("flipped", [False, True])
def test_every_amplifier_is_restored_from_its_own_corner(flipped):
    geometry = detector(flipped=flipped)
    truth, raw = sky((80, 60)).clip(0, 29000), np.empty((80, 60))
    for amplifier in geometry.amplifiers:
        placed, step = amplifier.placed.slices, [-1 if flip else 1 for flip in amplifier.readout_corner]
        in_order = truth[placed][:: step[0], :: step[1]]
        raw[amplifier.image.slices] = (
            transfer(in_order, PARALLEL, SERIAL) if amplifier.name != "11" else in_order
        )
    names = ("00", "01", "10")
    parallel, serial = dict.fromkeys(names, PARALLEL), dict.fromkeys(names, SERIAL)
    barrier = ChargeTransfer(parallel, serial, tolerance=0.01)
    found = correct_frame(raw, geometry, Signature(barriers={Step.CHARGE_TRANSFER: barrier}))
    np.testing.assert_allclose(found.data, truth, atol=0.02)
    assert not found.mask.any()
    np.testing.assert_allclose(found.variance, truth + 9, atol=0.02)


def test_an_amplifier_stored_against_the_order_of_reading_is_restored_from_its_other_corner():
    geometry, truth = detector(flipped=False), sky((80, 60))
    first, *others = geometry.amplifiers
    geometry = replace(geometry, amplifiers=(replace(first, image_reversed=True), *others))
    image = truth.copy()
    image[:40, :30] = transfer(truth[:40, 29::-1], PARALLEL, SERIAL)[:, ::-1]
    barrier = ChargeTransfer({"00": PARALLEL}, {"00": SERIAL}, tolerance=0.01)
    band = Band(slice(0, 80), image, np.zeros((80, 60), np.uint32), None)
    barrier.apply(band, geometry)
    np.testing.assert_allclose(band.data, truth, atol=0.02)


def test_serial_transfers_need_no_other_row():
    geometry, image = detector(flipped=True), sky((80, 60))
    image[60, 40] = np.nan
    barrier = ChargeTransfer(serial={"01": SERIAL, "11": SERIAL})
    assert barrier.reach == 0
    assert ChargeTransfer({"01": PARALLEL}).reach is None

    def restored(rows):
        band = Band(rows, image[rows].copy(), np.zeros((rows.stop - rows.start, 60), np.uint32), None)
        barrier.apply(band, geometry)
        return band.data

    bands = [restored(slice(0, 35)), restored(slice(35, 60)), restored(slice(60, 80))]
    whole = restored(slice(0, 80))
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    assert (whole[:, :30] == image[:, :30]).all()
    assert (whole[:, 30:] != image[:, 30:]).any()


def test_a_combination_of_raw_frames_is_that_of_the_restored_ones():
    geometry = detector(flipped=True)
    frames = [sky((80, 60), seed).astype(np.uint16) for seed in range(3)]
    for barrier in (ChargeTransfer(serial={"01": SERIAL}), ChargeTransfer({"01": PARALLEL}, {"01": SERIAL})):
        signature = Signature(barriers={Step.CHARGE_TRANSFER: barrier})
        images = [correct_frame(frame, geometry, signature) for frame in frames]
        expected = combine([one.data for one in images], masks=[one.mask for one in images], statistic="mean")
        found = combine_raw(frames, geometry, signature, [Terms()] * 3, statistic="mean", tile_bytes=1)
        np.testing.assert_array_equal(found.combined.data, expected.data)


def test_pixels_of_unknown_charge_stay_and_what_is_behind_them_is_suspect():
    geometry, raw = detector(flipped=False), sky((80, 60)).clip(0, 25000)
    raw[10, 5], raw[10, 20] = np.nan, 35000
    fast = Transfers((Traps(0.01, 0.6, 1e5),), before=100)
    found = correct_frame(
        raw, geometry, Signature(barriers={Step.CHARGE_TRANSFER: ChargeTransfer({"00": fast}, {"00": fast})})
    )
    suspect = np.zeros((80, 60), bool)
    for column in (5, 20):
        suspect[11:13, column] = suspect[10, column + 1 : column + 3] = True
    np.testing.assert_array_equal((found.mask & Mask.SUSPECT) != 0, suspect)
    assert np.isnan(found.data[10, 5])
    assert np.isfinite(found.data).sum() == found.data.size - 1


def test_behind_a_saturated_pixel_the_electronic_offset_is_not_known_either():
    raw = sky((80, 60)).clip(0, 25000)
    raw[10, 5] = 35000
    barrier = ChargeTransfer(offsets={"00": ElectronicOffset(1e-3, 2.0)})
    found = correct_frame(raw, detector(flipped=False), Signature(barriers={Step.CHARGE_TRANSFER: barrier}))
    np.testing.assert_array_equal(
        np.argwhere((found.mask & Mask.SUSPECT) != 0), [(10, x) for x in range(6, 12)]
    )


def test_traps_that_empty_later_than_the_line_ends_hold_what_they_would_in_a_longer_one():
    line = np.random.default_rng(4).uniform(0, 1000, (20, 3))
    slow = (Traps(2, 30.0, 900, power=0.5),)
    assert slow[0].ages > 20
    longer = held_behind(np.concatenate([line, np.zeros((slow[0].ages, 3))]), slow)
    np.testing.assert_allclose(held_behind(line, slow), longer[:20], rtol=1e-12)


def test_what_has_not_converged_is_suspect():
    geometry = detector(flipped=False)
    heavy = Transfers((Traps(1, 3, 1e5, power=0.3),), before=500)
    barrier = ChargeTransfer({"00": heavy}, iterations=1, tolerance=0.1)
    found = correct_frame(
        sky((80, 60)).clip(0, 25000), geometry, Signature(barriers={Step.CHARGE_TRANSFER: barrier})
    )
    assert ((found.mask & Mask.SUSPECT) != 0)[:40, :30].mean() > 0.2
    assert not found.mask[40:].any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Traps(-1, 1, 1e5), "traps: density"),
        (lambda: Traps(1, 0, 1e5), "traps: release"),
        (lambda: Traps(1, 1, 10, notch=20), "traps: notch"),
        (lambda: RegisterTrap(1, 2, 1), "register trap: size 1 .* fill 2"),
        (lambda: RegisterTrap(1, 1, 0), "register trap: release"),
        (lambda: ElectronicOffset(1e-3, 0.0), "electronic offset: .* length 0"),
        (lambda: Transfers(inefficiency=1.0), "transfers: inefficiency"),
        (lambda: Transfers(passes=0), "transfers: passes"),
        (lambda: ChargeTransfer(iterations=0), "charge transfer: iterations"),
        (lambda: ChargeTransfer(tolerance=-1.0), "charge transfer: tolerance"),
        (lambda: restore(np.zeros((2, 2)), iterations=0), "restore: iterations"),
    ],
)
def test_what_is_wrong_with_a_model_is_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_an_amplifier_that_is_not_there_is_named():
    band = Band(slice(0, 80), sky((80, 60)), np.zeros((80, 60), np.uint32), None)
    with pytest.raises(ValueError, match="no amplifier C99"):
        ChargeTransfer({"C99": PARALLEL}).apply(band, detector(flipped=False))
