"""Crosstalk: coefficients found that were put in, taken out of frames again, and told when they cannot be."""

import numpy as np
import pytest

from calibrant.pixels import (
    Amplifier,
    Band,
    Box,
    Geometry,
    Image,
    Mask,
    Overscan,
    Signature,
    Step,
    Terms,
    combine,
    combine_raw,
    correct_frame,
)
from calibrant.pixels.crosstalk import (
    Crosstalk,
    CrosstalkFit,
    CrosstalkMatrix,
    ReadoutPlane,
    Reason,
    combine_crosstalk,
    known_matrix,
    measure_crosstalk,
    readout_planes,
)

H, W, NOISE = 96, 128, 5.0
NAMES = ("A", "B", "C", "D")
OFF = ~np.eye(4, dtype=bool)
TRUTH = np.where(OFF, np.random.default_rng(3).uniform(-1e-3, 2e-3, (4, 4)), 0)
BENT = TRUTH * 2e-6


def quadrants(gains=(1.0, 1.0, 1.0, 1.0)):
    """Four amplifiers, each read from its own corner of the detector."""
    amplifiers = []
    for name, gain, (top, right) in zip(NAMES, gains, np.ndindex(2, 2), strict=True):
        box = Box(top * H, (top + 1) * H, right * W, (right + 1) * W)
        amplifiers.append(Amplifier(name, box, box, bool(right), bool(top), None, None, gain, NOISE, None))
    return Geometry((2 * H, 2 * W), (2 * H, 2 * W), tuple(amplifiers))


def side_by_side():
    """Two amplifiers that are read downwards, towards each other."""
    boxes = Box(0, H, 0, W), Box(0, H, W, 2 * W)
    return Geometry(
        (H, 2 * W),
        (H, 2 * W),
        tuple(
            Amplifier(name, box, box, flip, False, None, None, 1.0, NOISE, None)
            for name, box, flip in zip("AB", boxes, (False, True), strict=True)
        ),
    )


def spots(rng, count=5, level=60.0):
    """Give what one amplifier sees: a sloping level and bright spots."""
    y, x = np.mgrid[:H, :W]
    light = np.full((H, W), level) + 0.05 * x
    for _ in range(count):
        cy, cx = rng.uniform(6, H - 6), rng.uniform(6, W - 6)
        light += rng.uniform(4e4, 1.4e5) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 2.5**2))
    return rng.poisson(light).astype(np.float64)


def leaking(signals, linear=TRUTH, bent=None, rng=None):
    """Give what the amplifiers show, in readout order."""
    shown = signals + np.tensordot(linear, signals, 1)
    if bent is not None:
        shown += np.tensordot(bent, signals**2, 1)
    return shown if rng is None else shown + rng.normal(0, NOISE, shown.shape)


def planes(shown, masks=None):
    masks = np.zeros(shown.shape, np.uint32) if masks is None else masks
    return {name: ReadoutPlane(*one) for name, *one in zip(NAMES, shown, masks, strict=False)}


def raw_frame(shown, geometry):
    raw = np.zeros(geometry.raw_shape)
    for amplifier, plane in zip(geometry.amplifiers, shown, strict=True):
        raw[amplifier.image.slices] = plane
    return raw


def corrected(raw, geometry, barrier, **options):
    signature = Signature(overscan=Overscan("none"), barriers={Step.CROSSTALK: barrier}, **options)
    return correct_frame(raw, geometry, signature)


@pytest.mark.parametrize("terms", [1, 2])
def test_what_was_put_in_is_found_with_right_errors(terms):
    rng = np.random.default_rng(terms)
    exposures = []
    for _ in range(12):
        signals = np.stack([spots(rng) for _ in NAMES])
        shown = leaking(signals, bent=BENT if terms == 2 else None, rng=rng)
        exposures.append(measure_crosstalk(planes(shown), fit=CrosstalkFit(terms=terms)))
    truth = np.stack([TRUTH, BENT], axis=-1)[..., :terms]
    pulls = np.concatenate([((one.coefficients - truth) / one.errors)[one.measured] for one in exposures])
    assert pulls.size > 0.95 * 12 * 12 * terms  # in a few a victim's own spots lie over a source's
    assert np.std(pulls) == pytest.approx(1, abs=0.2)
    assert abs(np.mean(pulls)) < 0.25
    found = combine_crosstalk(exposures)
    assert np.abs((found.coefficients - truth) / found.errors)[OFF].max() < 4
    if terms == 1:
        assert np.abs(found.coefficients - truth)[OFF].max() < 1e-5
    assert (found.count[OFF] == sum(one.count for one in exposures)[OFF]).all()
    assert (np.diagonal(found.count) == 0).all()


def test_sources_that_are_bright_together_do_not_count_for_each_other():
    """A third of the light of B comes where A is bright: its own ratio to A would be wrong by as much."""
    rng = np.random.default_rng(5)
    signals = np.stack([spots(rng) for _ in NAMES])
    signals[1] += 0.5 * signals[0]
    found = measure_crosstalk(planes(leaking(signals, rng=rng)))
    assert np.abs((found.coefficients[2, :2, 0] - TRUTH[2, :2]) / found.errors[2, :2, 0]).max() < 4


def test_light_of_a_victim_s_own_is_not_crosstalk():
    """Stars far above what can leak, and cosmic rays that a mask or the clip has to take out."""
    rng = np.random.default_rng(6)
    signals = np.stack([spots(rng) for _ in NAMES])
    shown, masks = leaking(signals, rng=rng), np.zeros((4, H, W), np.uint32)
    rays = signals[1] > 1e4
    shown[0][rays & (rng.random((H, W)) < 0.03)] += 120
    masked = rays & (rng.random((H, W)) < 0.2)
    shown[0][masked] -= 40
    masks[0][masked] = Mask.COSMIC_RAY
    found = measure_crosstalk(planes(shown, masks))
    assert abs(found.coefficients[0, 1, 0] - TRUTH[0, 1]) < 4 * found.errors[0, 1, 0] < 1e-4


def test_what_cannot_be_measured_says_why_and_the_others_go_on():
    rng = np.random.default_rng(7)
    names = ("good", "dark", "saturated", "faint", "twin", "other twin", "dead", "blind")
    signals = {name: spots(rng) for name in names}
    signals["dark"] = np.full((H, W), 60.0)
    signals["faint"] = np.full((H, W), 60.0)
    signals["faint"][40, 20:35] = 2e4
    signals["other twin"] = signals["twin"]
    masks = {name: np.zeros((H, W), np.uint32) for name in names}
    masks["saturated"][signals["saturated"] > 1e4] = Mask.SATURATED
    masks["dead"][: H // 2 + 1] = Mask.NO_DATA
    masks["blind"][: H // 2 + 1] = Mask.BAD
    given = {name: ReadoutPlane(signals[name] + rng.normal(0, NOISE, (H, W)), masks[name]) for name in names}
    found = measure_crosstalk(given)
    told = dict(zip(names, found.reasons[names.index("good")], strict=True))
    assert told == {
        "good": Reason.SAME_AMPLIFIER,
        "dark": Reason.NO_BRIGHT_PIXELS,
        "saturated": Reason.SATURATED_SOURCES,
        "faint": Reason.TOO_FEW_PIXELS,
        "twin": Reason.MEASURED,  # noise tells it from the other, with a large error
        "other twin": Reason.MEASURED,
        "dead": Reason.SOURCE_UNUSABLE,
        "blind": Reason.MEASURED,
    }
    assert found.reasons[names.index("blind")][0] is Reason.VICTIM_UNUSABLE
    np.testing.assert_array_equal(np.isfinite(found.coefficients[..., 0]), found.measured)
    assert np.isnan(found.errors[~found.measured]).all()
    assert not found.significant().any()
    error = dict(zip(names, found.errors[names.index("good"), :, 0], strict=True))
    assert error["twin"] > 100 * error["blind"]

    same = {**given, "other twin": given["twin"]}
    told = dict(zip(names, measure_crosstalk(same).reasons[0], strict=True))
    assert told["twin"] is told["other twin"] is Reason.INSEPARABLE
    assert told["blind"] is Reason.MEASURED


def test_exposures_that_stand_out_are_left_out_or_told():
    values = [1e-3, 1.01e-3, 0.99e-3, 1.005e-3, 5e-3]
    exposures = [matrix_of(one) for one in values]
    found = combine_crosstalk(exposures)
    assert found.coefficients[0, 1, 0] == pytest.approx(np.mean(values[:4]))
    assert found.errors[0, 1, 0] == pytest.approx(1e-5 / 2)
    assert found.count[0, 1] == 400
    scattered = combine_crosstalk([matrix_of(1e-3 + k * 3e-5) for k in (-1, 1, -1, 1)])
    assert scattered.errors[0, 1, 0] == pytest.approx(np.sqrt(3) * 3e-5 / 3)  # chi2 of 36 for 3 of freedom
    apart = combine_crosstalk([matrix_of(one) for one in (1e-3, 2e-3)])
    assert apart.reasons[0][1] is Reason.MEASURED  # the scatter of two is all that is known of them
    blind = known_matrix(("A", "B"), np.zeros((2, 2)))
    assert combine_crosstalk([blind]).reasons[0] == (Reason.SAME_AMPLIFIER, Reason.MEASURED)


def matrix_of(value, error=1e-5):
    known = known_matrix(("A", "B"), np.full((2, 2), value))
    covariance = np.where(np.isnan(known.covariance), np.nan, error**2)
    count = np.where(np.eye(2, dtype=bool), 0, 100)
    return CrosstalkMatrix(known.victims, known.sources, known.coefficients, covariance, count, known.reasons)


@pytest.mark.parametrize(("iterations", "left"), [(1, 3e-2), (2, 3e-4), (3, 3e-6)])
def test_what_leaked_is_taken_out_of_each_corner(iterations, left):
    """Ten times stronger than any amplifier's: each estimate of the sources leaves a hundredth of the last."""
    rng = np.random.default_rng(8)
    signals, geometry = np.stack([spots(rng) for _ in NAMES]), quadrants()
    linear, bent = 10 * TRUTH, 10 * BENT
    raw = raw_frame(leaking(signals, linear, bent), geometry)
    barrier = Crosstalk.of(known_matrix(NAMES, np.stack([linear, bent], -1)), geometry, iterations=iterations)
    assert barrier.reach is None
    image = corrected(raw, geometry, barrier)
    worst = max(
        np.abs(plane.data - true).max() / true.max()
        for plane, true in zip(readout_planes(image, geometry).values(), signals, strict=True)
    )
    assert worst < left


def test_measured_in_electrons_and_removed_in_adu():
    rng = np.random.default_rng(9)
    gains = (1.5, 0.8, 2.0, 1.1)
    geometry, signals = quadrants(gains), np.stack([spots(rng) for _ in NAMES])
    in_electrons = known_matrix(NAMES, np.stack([TRUTH, BENT], -1))
    shown = leaking(signals, TRUTH, BENT) / np.array(gains)[:, None, None]
    in_adu = in_electrons.in_unit("adu", dict(zip(NAMES, gains, strict=True)))
    image = corrected(raw_frame(shown, geometry), geometry, Crosstalk.of(in_adu, geometry), unit="adu")
    for plane, true, gain in zip(readout_planes(image, geometry).values(), signals, gains, strict=True):
        np.testing.assert_allclose(plane.data * gain, true, atol=0.1)
    back = in_adu.in_unit("electron", dict(zip(NAMES, gains, strict=True)))
    np.testing.assert_allclose(back.coefficients, in_electrons.coefficients, rtol=1e-12)


def test_bands_change_nothing_where_rows_are_read_together():
    rng, geometry = np.random.default_rng(10), side_by_side()
    frames = [
        raw_frame(leaking(np.stack([spots(rng), spots(rng)]), TRUTH[:2, :2]), geometry).astype(np.float32)
        for _ in range(3)
    ]
    barrier = Crosstalk.of(known_matrix(("A", "B"), TRUTH[:2, :2]), geometry)
    assert barrier.reach == 0
    signature = Signature(overscan=Overscan("none"), barriers={Step.CROSSTALK: barrier})
    images = [correct_frame(frame, geometry, signature) for frame in frames]
    expected = combine(
        [one.data for one in images], variances=[one.variance for one in images], statistic="mean"
    )
    found = combine_raw(frames, geometry, signature, [Terms()] * 3, statistic="mean", tile_bytes=1).combined
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.variance, expected.variance)
    with pytest.raises(ValueError, match="different rows of this detector; make the barrier with"):
        corrected(np.zeros((2 * H, 2 * W)), quadrants(), Crosstalk(known_matrix(NAMES, TRUTH), reach=0))


def test_victims_of_what_is_unknown_are_marked():
    geometry, signals = quadrants(), np.full((4, H, W), 50.0)
    signals[0, 10, 20] = 6e4
    signals[0, 11, 21] = np.nan
    linear = np.zeros((4, 4))
    linear[1, 0], linear[2, 0] = 1e-3, 1e-5  # D is not leaked into, C by less than an electron
    raw = raw_frame(np.where(np.isnan(signals), np.nan, leaking(np.nan_to_num(signals), linear)), geometry)
    defects = np.zeros(geometry.shape, np.uint32)
    amplifiers = tuple(
        Amplifier(a.name, a.image, a.placed, a.flip_x, a.flip_y, None, None, 1.0, NOISE, 6e4)
        for a in geometry.amplifiers
    )
    image = corrected(
        raw,
        Geometry(geometry.raw_shape, geometry.shape, amplifiers),
        Crosstalk.of(known_matrix(NAMES, linear), geometry),
        defects=defects,
    )
    marked = {
        name: np.argwhere(one.mask == Mask.SUSPECT).tolist()
        for name, one in readout_planes(image, geometry).items()
    }
    assert marked == {"A": [], "B": [[10, 20], [11, 21]], "C": [[11, 21]], "D": []}
    assert np.isfinite(readout_planes(image, geometry)["B"].data).all()


def test_variance_is_the_scatter_of_what_is_left():
    """The same light read many times, with coefficients that scatter by their errors."""
    rng, geometry = np.random.default_rng(11), side_by_side()
    light, count = np.stack([np.full((8, 8), 9e4), np.full((8, 8), 100.0)]), 400
    small = Geometry(
        (8, 16),
        (8, 16),
        tuple(
            Amplifier(one.name, box, box, one.flip_x, False, None, None, 1.0, NOISE, None)
            for one, box in zip(geometry.amplifiers, (Box(0, 8, 0, 8), Box(0, 8, 8, 16)), strict=True)
        ),
    )
    matrix = matrix_of(2e-2, error=2e-4)
    barrier, residuals, variances = Crosstalk.of(matrix, small, iterations=3), [], []
    for _ in range(count):
        signals = rng.poisson(light).astype(float)
        linear = np.where(np.eye(2), 0, rng.normal(2e-2, 2e-4, (2, 2)))
        read = leaking(signals, linear) + rng.normal(0, NOISE, light.shape)
        image = corrected(raw_frame(read, small), small, barrier)
        residuals.append(readout_planes(image, small)["B"].data)
        variances.append(image.variance[:, 8:].mean())
    variance = np.mean(variances)
    expected = 100 + NOISE**2 + (2e-2) ** 2 * (9e4 + NOISE**2) + (2e-4 * 9e4) ** 2
    assert variance == pytest.approx(expected, rel=0.01)
    assert np.mean(np.var(residuals, axis=0)) == pytest.approx(variance, rel=0.2)


def test_sources_in_another_detector():
    rng, geometry = np.random.default_rng(12), quadrants()
    signals, far = np.stack([spots(rng, 2) for _ in NAMES]), np.stack([spots(rng) for _ in NAMES])
    shown = signals + np.tensordot(TRUTH, far, 1) + rng.normal(0, NOISE, signals.shape)
    raw = raw_frame(shown, geometry)
    before = correct_frame(raw, geometry, Signature(overscan=Overscan("none")))
    others = {f"2/{name}": one for name, one in planes(far).items()}
    victims = readout_planes(before, geometry, "1")
    found = measure_crosstalk(victims, others)
    assert found.victims == tuple(f"1/{name}" for name in NAMES)
    assert (np.abs(found.coefficients[..., 0] - TRUTH) < 4.5 * found.errors[..., 0]).all()
    barrier = Crosstalk.of(found, geometry, detector="1", others=others)
    after = readout_planes(corrected(raw, geometry, barrier), geometry)
    for plane, true in zip(after.values(), signals, strict=True):
        assert np.std(plane.data - true) == pytest.approx(NOISE, rel=0.05)
    with pytest.raises(ValueError, match="sources 2/A, 2/B, 2/C, 2/D are neither in the frame nor"):
        Crosstalk.of(found, geometry, detector="1")


def test_what_is_not_significant_is_not_subtracted():
    found = combine_crosstalk([matrix_of(1e-3), matrix_of(1e-3)])
    np.testing.assert_array_equal(found.significant(), ~np.eye(2, dtype=bool))
    assert found.filtered(1e6).coefficients[0, 1, 0] == 0
    band = Band(slice(0, 8), np.full((8, 16), 5e4, np.float32), np.zeros((8, 16), np.uint32), None)
    box = Box(0, 8, 0, 8), Box(0, 8, 8, 16)
    geometry = Geometry(
        (8, 16),
        (8, 16),
        tuple(
            Amplifier(n, b, b, False, False, None, None, 1.0, NOISE, None)
            for n, b in zip("AB", box, strict=True)
        ),
    )
    Crosstalk.of(found.filtered(1e6), geometry).apply(band, geometry)
    assert (band.data == 5e4).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: CrosstalkFit(bright=0), "bright is 0, must be positive"),
        (lambda: CrosstalkFit(terms=3), "terms is 3, must be 1 or 2"),
        (lambda: CrosstalkFit(fewest=2), "fewest is 2, must be at least 3"),
        (lambda: measure_crosstalk({}), "no victims or no sources"),
        (
            lambda: measure_crosstalk({"A": ReadoutPlane(np.zeros((4, 4)), np.zeros((4, 3), np.uint32))}),
            "'A'",
        ),
        (lambda: combine_crosstalk([]), "no exposures to combine"),
        (lambda: combine_crosstalk([matrix_of(0.1), known_matrix(NAMES, TRUTH)]), "exposure 1 has other"),
        (lambda: known_matrix(NAMES, np.full((4, 4), np.nan)), "give 0 where nothing leaks"),
        (lambda: known_matrix(NAMES, np.zeros((3, 4))), "must be"),
        (lambda: matrix_of(0.1).in_unit("adu", {"A": 1.0}), "gain of 'B' is None"),
        (lambda: Crosstalk(matrix_of(0.1), reach=3), "reach is 3"),
        (lambda: Crosstalk(matrix_of(0.1), iterations=0), "iterations is 0"),
        (lambda: Crosstalk(matrix_of(0.1), least_leak=-1), "least_leak is -1"),
        (
            lambda: Crosstalk.of(known_matrix(("X", "Y"), np.zeros((2, 2))), quadrants()),
            "is it that of another",
        ),
        (lambda: readout_planes(Image(np.zeros((2, 2)), None, None), quadrants()), "shape"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
