"""The brighter-fatter effect in frames: charge that moved is given back, none is lost, and marks say where it is a guess."""

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Band, Box, Geometry, Mask, Overscan, Signature, Step, correct_frame
from calibrant.pixels.brighter_fatter import (
    BoundaryShifts,
    BrighterFatter,
    SmoothLaw,
    move_back,
    move_charge,
    solve_kernel,
)
from calibrant.pixels.brighter_fatter.filling import filled
from calibrant.pixels.brighter_fatter.shifts import from_quarters

LAGS = 4
COLUMNS = SmoothLaw(0.8e-6, 1.5).columns(LAGS)
SHIFTS = from_quarters(COLUMNS, 1.1 * COLUMNS.T)
SHAPE = (33, 40)


def spot(flux=6e5, sigma=1.7, level=200.0, shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]]
    cy, cx = shape[0] / 2 - 0.3, shape[1] / 2 + 0.2
    light = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2))
    return level + flux * light / light.sum()


def second_moments(plane):
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
    weight = plane - 200.0
    cy, cx = (np.average(one, weights=weight) for one in (y, x))
    return np.array([np.average((y - cy) ** 2, weights=weight), np.average((x - cx) ** 2, weights=weight)])


def flowed(light, charge):
    """Give what pixels gain, boundary by boundary and electron by electron, beyond the edges as in a mirror."""
    (ny, nx), gained = light.shape, np.zeros_like(light)
    around = np.pad(charge, LAGS, mode="symmetric")
    for y, x in np.ndindex(ny, nx):
        for (dy, dx), matrix in (((0, 1), SHIFTS.columns), ((1, 0), SHIFTS.rows)):
            if y + dy < ny and x + dx < nx:
                shift = 0.0
                for j, i in np.ndindex(matrix.shape):
                    away = j - LAGS + 1 - dy, i - LAGS + 1 - dx  # of the boundary's pixel from the charge
                    shift += matrix[j, i] * around[y - away[0] + LAGS, x - away[1] + LAGS]
                flow = shift * (light[y, x] + light[y + dy, x + dx]) / 2
                gained[y, x] += flow
                gained[y + dy, x + dx] -= flow
    return gained


def detector(gain=1.0, saturation=None, shape=SHAPE):
    box = Box(0, shape[0], 0, shape[1])
    amplifier = Amplifier("A", box, box, False, False, None, None, gain, 5.0, saturation)
    return Geometry(shape, shape, (amplifier,))


def corrected(raw, geometry, defects=None, **options):
    barrier = BrighterFatter(SHIFTS, **options)
    signature = Signature(
        overscan=Overscan("none"),
        unit=barrier.unit,
        defects=defects,
        barriers={Step.BRIGHTER_FATTER: barrier},
    )
    return correct_frame(raw, geometry, signature)


def test_charge_flows_as_boundary_by_boundary():
    light = np.random.default_rng(1).uniform(0, 9e4, (7, 8))
    first = flowed(light, light) / 2
    expected = light + first
    np.testing.assert_allclose(move_charge(light, SHIFTS, order=1), expected, atol=0.02)
    expected += flowed(light, first) / 3
    np.testing.assert_allclose(move_charge(light, SHIFTS, order=2), expected, atol=0.02)


def test_tall_frames_are_wide_ones_turned():
    """Rows are worked on in bands, columns are not: a seam would show."""
    light = np.random.default_rng(4).uniform(0, 9e4, (600, 12))
    turned = BoundaryShifts(SHIFTS.rows.T, SHIFTS.columns.T)
    np.testing.assert_allclose(move_charge(light, SHIFTS), move_charge(light.T, turned).T, atol=0.02)


def test_amplifiers_with_shifts_of_their_own_share_a_seam_that_conserves_charge():
    """Each amplifier is moved as by its own shifts alone; what leaves one over the seam arrives in the other."""
    light, half = np.random.default_rng(7).uniform(0, 9e4, (12, 14)), 7
    stronger = BoundaryShifts(1.5 * SHIFTS.columns, 1.5 * SHIFTS.rows)
    pieces = [((slice(0, 12), slice(0, half)), SHIFTS), ((slice(0, 12), slice(half, 14)), stronger)]
    moved = move_charge(light, pieces, order=1)
    left, right = (move_charge(light, one, order=1) for one in (SHIFTS, stronger))
    np.testing.assert_allclose(moved[:, :half], left[:, :half], atol=0.02)
    np.testing.assert_allclose(moved[:, half + 1 :], right[:, half + 1 :], atol=0.02)
    assert moved.sum() == pytest.approx(light.sum(), rel=1e-14)


def test_every_amplifier_needs_shifts_where_they_have_their_own():
    light = np.full(SHAPE, 3e4)
    barrier = BrighterFatter({"B": SHIFTS})
    band = Band(slice(0, SHAPE[0]), light, np.zeros(SHAPE, np.uint32), None)
    with pytest.raises(ValueError, match="no shifts for amplifier A"):
        barrier.apply(band, detector())
    with pytest.raises(ValueError, match="equally many"):
        BrighterFatter({})


def test_an_exposure_in_small_steps_is_undone():
    """Light that falls bit by bit on boundaries that what was collected has moved: midpoints of 12 steps."""
    light = spot(shape=(9, 10), flux=8e5)
    charge, steps = np.zeros_like(light), 12
    for _ in range(steps):
        half = charge + (light + flowed(light, charge)) / (2 * steps)
        charge = charge + (light + flowed(light, half)) / steps
    moved = np.abs(charge - light).max()
    for order, left in ((1, 0.1), (2, 0.02), (3, 0.004)):
        back, convergence, _ = move_back(charge, SHIFTS, order=order, iterations=30)
        assert convergence.converged
        assert np.abs(back - light).max() < left * moved


def test_charge_is_conserved_up_to_the_edges():
    rng = np.random.default_rng(2)
    light = rng.uniform(0, 1e5, SHAPE)
    light[:, 0] = light[-1] = 1.5e5
    moved = move_charge(light, SHIFTS)
    assert np.abs(moved - light).max() > 500
    assert moved.sum() == pytest.approx(light.sum(), rel=1e-14)
    assert move_back(moved, SHIFTS)[0].sum() == pytest.approx(light.sum(), rel=1e-14)


def test_a_spot_gets_its_second_moments_back():
    widths = []
    for flux in (2e5, 4e5, 8e5):
        light = spot(flux)
        moved = move_charge(light, SHIFTS)
        widths.append(second_moments(moved) - second_moments(light))
        back, convergence, unsettled = move_back(moved, SHIFTS)
        assert convergence.converged
        assert not unsettled.any()
        np.testing.assert_allclose(second_moments(back), second_moments(light), rtol=1e-5)
        np.testing.assert_allclose(back, light, atol=0.05)
    assert (np.array(widths) > 0).all()
    np.testing.assert_allclose(
        np.divide(*widths[1::-1]), 2, rtol=0.1
    )  # the brighter, the fatter: in proportion
    assert (widths[0] / second_moments(spot())[:1] > 0.002).all()


@pytest.mark.parametrize("through_kernel", [False, True])
def test_flats_lose_their_covariances_and_get_their_variance_back(through_kernel):
    """A pair whose covariances are those of boundaries that charge has moved all along (Astier 2019, b = 0)."""
    size, level, rng = 320, 5e4, np.random.default_rng(3)
    torus = np.zeros((size, size))
    span = np.arange(1 - LAGS, LAGS)
    torus[np.ix_(span, span)] = SHIFTS.areas
    grown = 2 * level * np.fft.rfft2(torus).real
    colour = np.sqrt(level * np.expm1(grown) / grown)
    pair = [
        level + np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) * colour, s=(size, size))
        for _ in range(2)
    ]
    shifts = SHIFTS
    if through_kernel:
        shifts = solve_kernel(SHIFTS.areas[LAGS - 1 :, LAGS - 1 :]).shifts
    before = covariance_of(*pair)
    after = covariance_of(*(move_back(one, shifts)[0] for one in pair))
    error = level / size
    assert before[0, 0] / level < 0.9
    assert (before[[0, 1], [1, 0]] > 3 * error).all()
    assert after[0, 0] == pytest.approx(level, abs=2.5 * np.sqrt(2) * error)
    after[0, 0] = 0
    assert np.abs(after).max() < 3 * error


def covariance_of(first, second):
    difference = first - second
    difference = difference - difference.mean()
    lags = np.ndindex(3, 3)
    found = [(difference * np.roll(difference, (-j, -i), (0, 1))).mean() / 2 for j, i in lags]
    return np.reshape(found, (3, 3))


def test_the_variance_follows_the_charge():
    light = spot()
    image = corrected(move_charge(light, SHIFTS), detector())
    np.testing.assert_allclose(image.data, light, atol=0.05)
    np.testing.assert_allclose(image.variance, light + 25, rtol=1e-5)
    assert not image.mask.any()


def test_frames_in_adu_are_taken_to_electrons_and_back():
    light, box = spot(), [Box(0, SHAPE[0], 0, 15), Box(0, SHAPE[0], 15, SHAPE[1])]
    gains = 0.7, 2.5
    geometry = Geometry(
        SHAPE,
        SHAPE,
        tuple(
            Amplifier(name, one, one, False, False, None, None, gain, 5.0, None)
            for name, one, gain in zip("AB", box, gains, strict=True)
        ),
    )
    gain = np.where(np.arange(SHAPE[1]) < 15, *gains)
    image = corrected(move_charge(light, SHIFTS) / gain, geometry, unit="adu")
    np.testing.assert_allclose(image.data * gain, light, atol=0.05)
    np.testing.assert_allclose(image.variance * gain**2, light + 25, rtol=1e-5)


def test_masked_pixels_keep_their_value_and_do_not_disturb():
    light = np.full(SHAPE, 4e4)
    light[:, 20:] = 5e4
    raw = move_charge(light, SHIFTS)
    defects = np.zeros(SHAPE, np.uint32)
    raw[8, 8], defects[8, 8] = 9e6, Mask.BAD
    raw[20, 30] = np.nan
    raw[25, 5], defects[25, 5] = raw[25, 5], Mask.COSMIC_RAY
    raw[30:, 35:] = 7e4
    image = corrected(raw, detector(saturation=7e4), defects)
    assert image.data[8, 8] == 9e6
    assert np.isnan(image.data[20, 30])
    assert image.mask[20, 30] & Mask.NO_DATA
    near = np.zeros(SHAPE, bool)
    near[7:10, 7:10] = near[19:22, 29:32] = near[29:, 34:] = True
    np.testing.assert_array_equal((image.mask & Mask.SUSPECT) != 0, near)
    kept = ~near
    kept[24:, 29:] = False  # the saturated corner takes charge from further away, too
    np.testing.assert_allclose(image.data[kept], light[kept], atol=0.5)
    assert np.isfinite(image.variance[kept]).all()


def test_what_has_not_converged_is_told():
    told = []
    moved = move_charge(spot(9e5), SHIFTS)
    image = corrected(moved, detector(), iterations=2, report=told.append)
    assert (told[0].iterations, told[0].converged) == (2, False)
    marked = image.mask == Mask.SUSPECT
    assert marked[SHAPE[0] // 2, SHAPE[1] // 2]
    assert not marked[0, 0]
    corrected(moved, detector(), iterations=30, report=told.append)
    assert told[1].converged
    assert told[1].residual <= 0.01
    assert BrighterFatter(SHIFTS).reach is None
    band = Band(slice(0, 4), np.ones((4, 4), np.float32), np.zeros((4, 4), np.uint32), None)
    BrighterFatter(SHIFTS).apply(band, detector(shape=(4, 4)))
    assert (band.data == 1).all()


def test_charge_beyond_all_reason_stays_where_it_is():
    """A pixel that would push boundaries over pixels: no overflow, all is finite, only what is near is suspect."""
    light = np.full((60, 60), 3e4)
    light[30, 30] = 1e12
    image = corrected(light, detector(shape=light.shape))
    assert np.isfinite(image.data).all()
    near = np.hypot(*np.mgrid[-30:30, -30:30]) < 16
    assert ((image.mask & Mask.SUSPECT) != 0)[30, 30]
    assert not (image.mask & Mask.SUSPECT)[~near].any()
    np.testing.assert_allclose(image.data[~near], 3e4, rtol=1e-3)


def test_missing_values_are_those_of_the_nearest():
    values = np.full((40, 40), 7.0)
    values[:20] = 3.0
    known = np.zeros((40, 40), bool)
    assert (filled(values, known) == 0).all()
    known[5, 5] = known[35, 35] = True
    result = filled(values, known)
    assert (result[0, 0], result[39, 39], result[6, 6]) == (3.0, 7.0, 3.0)
    assert 3 <= result[20, 20] <= 7


@pytest.mark.parametrize(
    "wrong", [{"threshold_e": 0.0}, {"iterations": 0}, {"order": 0}, {"around": -1}, {"unit": "photon"}]
)
def test_what_is_wrong_is_named(wrong):
    with pytest.raises(ValueError, match=f"brighter-fatter: {next(iter(wrong))} is"):
        BrighterFatter(SHIFTS, **wrong)
