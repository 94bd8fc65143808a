"""Crosstalk in frames: what leaked is taken out of every corner, marked where it is unknown, and told in the variance."""

from dataclasses import replace

import numpy as np
import pytest
from crosstalk_scenes import (
    BENT,
    NAMES,
    NOISE,
    TRUTH,
    H,
    W,
    corrected,
    leaking,
    matrix_of,
    planes,
    quadrants,
    raw_frame,
    removing,
    side_by_side,
    spots,
)

from calibrant.pixels import (
    Amplifier,
    Band,
    Box,
    Composition,
    Geometry,
    Mask,
    Overscan,
    Reference,
    Signature,
    Step,
    Terms,
    amplifier_statistics,
    combine,
    combine_raw,
    correct_frame,
    flat_statistics,
    frame_levels,
    frame_statistics,
)
from calibrant.pixels.crosstalk import (
    Crosstalk,
    CrosstalkMatrix,
    ReadoutPlane,
    Reason,
    combine_crosstalk,
    known_matrix,
    measure_crosstalk,
    readout_planes,
)


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
    with pytest.raises(ValueError, match="different rows of this detector, or in another one; make"):
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
    barrier = Crosstalk.of(found, geometry, detector="1")
    after = readout_planes(corrected(raw, geometry, barrier, lambda: [others]), geometry)
    for plane, true in zip(after.values(), signals, strict=True):
        assert np.std(plane.data - true) == pytest.approx(NOISE, rel=0.05)
    with pytest.raises(ValueError, match="sources 2/A, 2/B, 2/C, 2/D are not in the frame; give"):
        corrected(raw, geometry, barrier)


def tiny():
    """Two amplifiers side by side, the second read from its last column, in electrons at 2 per ADU."""
    boxes = Box(0, 2, 0, 2), Box(0, 2, 2, 4)
    amplifiers = (
        Amplifier(name, box, box, flip, False, None, None, 2.0, NOISE, None)
        for name, box, flip in zip("AB", boxes, (False, True), strict=True)
    )
    return Geometry((2, 4), (2, 4), tuple(amplifiers))


def elsewhere(*detectors):
    """Give what two other detectors read, one after the other: amplifier A of 2, and of 3 a smaller one with an odd pixel."""
    read = {
        2: ReadoutPlane(np.array([[1000.0, 2000.0], [0.0, 500.0]]), np.zeros((2, 2), np.uint32)),
        3: ReadoutPlane(np.array([[4000.0]]), np.full((1, 1), Mask.SATURATED, np.uint32)),
    }
    return lambda: ({f"{one}/A": read[one]} for one in detectors)


def test_what_is_taken_out_is_the_sum_over_all_sources_in_the_order_of_readout():
    """By hand: A and B show others at 1e-3 S + 1e-7 S**2 and -2e-3 S, and A shows B at 1e-2."""
    names, error = ("A", "B", "2/A", "3/A"), 1e-4
    coefficients = np.zeros((2, 4, 2))
    coefficients[0, 1, 0], coefficients[0, 2], coefficients[1, 3, 0] = 1e-2, (1e-3, 1e-7), -2e-3
    covariance = np.zeros((2, 4, 2, 2))
    covariance[0, 2, 0, 0] = error**2
    reasons = tuple(tuple(Reason.MEASURED for _ in names) for _ in "AB")
    matrix = CrosstalkMatrix(names[:2], names, coefficients, covariance, np.ones((2, 4), int), reasons)
    barrier = Crosstalk.of(matrix, tiny(), iterations=3)
    assert (barrier.reach, barrier.elsewhere(tiny())) == (None, {"2/A", "3/A"})
    image = corrected(np.full((2, 4), 50.0), tiny(), barrier, elsewhere(2, 3))
    b = np.array([[100.0 + 8.0, 100.0], [100.0, 100.0]])  # what is read first stands first
    seen = np.array([[1000.0, 2000.0], [0.0, 500.0]])
    a = 100.0 - 1e-3 * seen - 1e-7 * seen**2 - 1e-2 * b
    np.testing.assert_allclose(image.data, np.hstack([a, b[:, ::-1]]), rtol=1e-6)
    assert image.mask[0].tolist() == [0, 0, 0, Mask.SUSPECT]  # of a saturated source
    noise = np.maximum(a, 0) + NOISE**2 + 1e-4 * (np.maximum(b, 0) + NOISE**2)
    np.testing.assert_allclose(image.variance[:, :2], noise + (error * seen) ** 2, rtol=1e-5)
    within = corrected(np.full((2, 4), 50.0), tiny(), Crosstalk.of(matrix.of_sources(("A", "B")), tiny()))
    none = corrected(
        np.full((2, 4), 50.0), tiny(), barrier, elsewhere()
    )  # of an exposure that they have no frames of
    np.testing.assert_array_equal(none.data, within.data)


def test_each_frame_loses_what_others_read_with_it_whoever_corrects_it():
    """One frame, all in one pass, statistics and levels: the same numbers to the bit."""
    rng, geometry = np.random.default_rng(13), side_by_side()
    matrix = known_matrix(("A", "B"), np.zeros((2, 2)))
    pairs = np.array([[1e-3, 2e-3], [-1e-3, 0.0]])[..., None]
    reasons = tuple(tuple(Reason.MEASURED for _ in "AB") for _ in "AB")
    far = CrosstalkMatrix(
        ("A", "B"), ("2/A", "2/B"), pairs, np.zeros((2, 2, 1, 1)), np.ones((2, 2), int), reasons
    )
    barrier = Crosstalk.of(far, geometry)
    frames = [raw_frame(np.stack([spots(rng), spots(rng)]), geometry).astype(np.float32) for _ in range(3)]
    read = [np.stack([spots(rng), spots(rng)]) for _ in frames]
    terms = [
        Terms(others=lambda one=one: [dict(zip(("2/A", "2/B"), planes(one).values(), strict=True))])
        for one in read
    ]
    images = [
        correct_frame(frame, geometry, removing(barrier), term)
        for frame, term in zip(frames, terms, strict=True)
    ]
    plain = removing(Crosstalk.of(matrix, geometry))
    for image, frame, one in zip(images, frames, read, strict=True):
        by_hand = raw_frame(np.tensordot(pairs[..., 0], one, 1), geometry)
        by_hand[:, W:] = by_hand[:, : W - 1 : -1]
        np.testing.assert_allclose(
            image.data, correct_frame(frame, geometry, plain).data - by_hand, rtol=1e-5, atol=1e-2
        )
    expected = combine(
        [one.data for one in images], variances=[one.variance for one in images], statistic="mean"
    )
    found = combine_raw(frames, geometry, removing(barrier), terms, statistic="mean", tile_bytes=1).combined
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.variance, expected.variance)
    described = [amplifier_statistics(one, geometry) for one in images]
    assert frame_statistics(frames[1], geometry, removing(barrier), terms[1]).amplifiers == described[1]
    levels = frame_levels(frames, geometry, removing(barrier), terms, of="amplifier", statistic="median")
    assert levels.levels.tolist() == [[one[name].median for name in "AB"] for one in described]
    flat = Reference(np.ones(geometry.shape, np.float32))
    divided = replace(removing(barrier), flat=flat)
    of_flat = flat_statistics(frames[2], geometry, divided, terms=terms[2], composition=Composition(1))
    assert of_flat.amplifiers["A"].median == described[2]["A"].median


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
