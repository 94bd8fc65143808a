"""Crosstalk: coefficients found that were put in, with right errors, and told when they cannot be."""

import tracemalloc

import numpy as np
import pytest
from crosstalk_scenes import (
    BENT,
    NAMES,
    NOISE,
    OFF,
    TRUTH,
    H,
    W,
    leaking,
    matrix_of,
    planes,
    quadrants,
    spots,
)

from calibrant.pixels import Image, Mask
from calibrant.pixels.crosstalk import (
    Crosstalk,
    CrosstalkFit,
    ReadoutPlane,
    Reason,
    combine_crosstalk,
    known_matrix,
    measure_crosstalk,
    readout_planes,
)


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
    still = ReadoutPlane(np.full((H, W), 60.0), masks["good"])
    assert measure_crosstalk({"still": still}, given).reasons[0][0] is Reason.VICTIM_DEAD
    np.testing.assert_array_equal(np.isfinite(found.coefficients[..., 0]), found.measured)
    assert np.isnan(found.errors[~found.measured]).all()
    assert not found.significant().any()
    error = dict(zip(names, found.errors[names.index("good"), :, 0], strict=True))
    assert error["twin"] > 100 * error["blind"]

    same = {**given, "other twin": given["twin"]}
    told = dict(zip(names, measure_crosstalk(same).reasons[0], strict=True))
    assert told["twin"] is told["other twin"] is Reason.INSEPARABLE
    assert told["blind"] is Reason.MEASURED


def test_light_of_both_amplifiers_is_not_taken_for_crosstalk():
    """A lamp's lines across both amplifiers, as in a spectrograph; and one amplifier that shows the other in a mirror."""
    rng, y = np.random.default_rng(8), np.arange(H)[:, None]
    lines = 2e4 * (1 + np.sin(y / 7.0)) * np.ones((H, W))
    shown = rng.poisson(np.stack([lines, lines[::-1]])).astype(float)
    assert {one for row in measure_crosstalk(planes(shown)).reasons for one in row} == {
        Reason.SAME_AMPLIFIER,
        Reason.VICTIM_UNEVEN,
    }
    signals = np.stack([spots(rng), np.full((H, W), 60.0)])
    signals[1] += 0.008 * signals[0] + rng.normal(0, NOISE, (H, W))
    fit = CrosstalkFit(largest=0.006)
    assert measure_crosstalk(planes(signals), fit=fit).reasons[1][0] is Reason.TOO_FEW_PIXELS
    fit = CrosstalkFit(largest=0.007, grow=0)
    assert measure_crosstalk(planes(signals), fit=fit).reasons[1][0] is Reason.TOO_LARGE


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


def test_fewer_pixels_take_less_memory_and_cost_precision_alone():
    """Spots all over the sources: with all their pixels it takes more; with fewer the errors grow, and still hold."""
    rng = np.random.default_rng(9)
    signals = np.stack([spots(rng, count=0 if name == "A" else 15) for name in NAMES])
    shown = planes(leaking(signals, rng=rng))
    victims, sources = {"A": shown.pop("A")}, shown
    peaks, found = [], []
    for most in (100_000, 600):
        tracemalloc.start()
        found.append(measure_crosstalk(victims, sources, fit=CrosstalkFit(most=most)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.8 * peaks[0]
    everything, some = found
    assert (some.count < everything.count / 2).all()
    assert (some.errors > everything.errors).all()
    assert np.abs((some.coefficients - TRUTH[:1, 1:, None]) / some.errors).max() < 4
