"""Trailing charge: published cases, what was put into simulated overscans comes back with right errors."""

from dataclasses import replace

import numpy as np
import pytest
from trailing_ends import IMAGING, OVERSCAN, flat_end

from calibrant.pixels import Amplifier, Box
from calibrant.pixels.charge_transfer import (
    End,
    Loss,
    Profile,
    Reason,
    Trailing,
    TrailingCharge,
    Traps,
    characterise,
    end_of_image,
    fit_tail,
    hard_edge,
    mean_inefficiency,
    measure_trailing,
    overscan_profile,
    solve_loss,
    trailing_charge,
    turnoff,
)
from calibrant.pixels.decays import Decay


def even_end(last, overscan, imaging, prescan):
    return End(np.full((5, 1), float(last)), np.tile(np.array(overscan, float), (5, 1)), imaging, prescan)


@pytest.mark.parametrize(
    ("end", "level", "normalisation", "expected"),
    [
        (even_end(10000, (12, 6), 2048, 0), 0, "imaging + 1", 8.78477306e-07),
        (even_end(11000, (1012, 1006), 2048, 0), 1000, "imaging + 1", 8.78477306e-07),
        (even_end(10000, (12, 6), 2066, 0), 0, "imaging + 1", 8.708272859e-07),
        (even_end(100, (1, 1), 512, 10), 0, "prescan + imaging", 3.831417625e-05),
        (even_end(100, (1, 1), 2002, 0), 0, "prescan + imaging", 9.99000999e-06),
        (even_end(10000, (12, 6), 2048, 51), 0, "prescan + imaging", 8.575512149e-07),
    ],
)
def test_published_cases_of_eo_pipe_and_eotest(end, level, normalisation, expected):
    found = trailing_charge(end, Trailing(normalisation=normalisation), level=level)
    assert found.cti == pytest.approx(expected, rel=1e-9)
    assert found.cti_error == 0


def test_the_inefficiency_comes_back_with_errors_that_are_right():
    rng, pulls = np.random.default_rng(1), []
    for _ in range(25):
        found = trailing_charge(flat_end(rng, 20000.0))
        assert found.cti * (IMAGING + 1) / IMAGING == pytest.approx(2e-5, rel=0.02)
        pulls.append((found.cti * (IMAGING + 1) / IMAGING - 2e-5) / found.cti_error)
        assert not found.rises
    assert abs(np.mean(pulls)) < 4 / 5
    assert 0.6 < np.std(pulls) < 1.5


@pytest.mark.parametrize(("bounce", "wave"), [(False, 0.0), (True, 1.2)])
def test_an_electronic_offset_is_told_from_charge(bounce, wave):
    """Without it subtracted the inefficiency is off by many of its errors."""
    rng = np.random.default_rng(2)
    ends = [flat_end(rng, level, scale=2e-3, wave=wave) for level in (5000.0, 20000.0, 50000.0)]
    profiles = [overscan_profile(end) for end in ends]
    tail = fit_tail(
        np.array([one.values for one in profiles]),
        np.array([one.errors for one in profiles]),
        np.array([one.signal for one in profiles]),
        bounce=bounce,
    )
    assert isinstance(tail, Decay)
    truth = [2e-3, 0, 4, wave] if bounce else [2e-3, 4]
    assert (np.abs(tail.parameters - truth) < 4 * tail.errors).all()
    for end in ends:
        found, naive = trailing_charge(end, offset=tail), trailing_charge(end)
        assert found.cti * (IMAGING + 1) / IMAGING == pytest.approx(2e-5, abs=4 * found.cti_error)
        assert found.cti_error < 0.05 * 2e-5
        assert abs(naive.cti - found.cti) > 3 * found.cti_error
        assert found.rises == bounce


@pytest.mark.parametrize("bounce", [False, True])
def test_errors_of_a_tail_are_right(bounce):
    rng, pixels, pulls = np.random.default_rng(3), np.arange(1.0, 21), []
    levels, errors = np.array([10000.0, 40000.0]), np.full((2, 20), 0.05)
    truth = np.array([1e-4, 5e-5, 5.0, 0.8]) if bounce else np.array([1e-4, 5.0])
    wave = 0.8 if bounce else 0.0
    curve = (1e-4 * np.cos(wave * pixels) + 5e-5 * np.sin(wave * pixels)) * np.exp(-pixels / 5)
    for _ in range(6 if bounce else 40):
        profiles = levels[:, None] * curve + rng.normal(0, errors) + [[7.0], [-2.0]]
        tail = fit_tail(profiles, errors, levels, bounce=bounce)
        pulls.append((tail.parameters - truth) / tail.errors)
        value, its_error = tail.summed(pixels[:2], np.ones(2))
        assert value == pytest.approx(curve[:2].sum(), abs=5 * its_error)
    assert (np.abs(np.mean(pulls, axis=0)) < 4 / np.sqrt(len(pulls))).all()
    assert ((np.std(pulls, axis=0) > 0.5) & (np.std(pulls, axis=0) < 1.7)).all()


def test_no_tail_is_found_in_noise_nor_in_too_few_pixels():
    rng = np.random.default_rng(4)
    errors, levels = np.full((3, 20), 0.1), np.array([1e4, 2e4, 3e4])
    profiles = rng.normal(5, 0.1, (3, 20))
    assert fit_tail(profiles, errors, levels) is Reason.NO_TAIL
    assert fit_tail(profiles[:, :12], errors[:, :12], levels) is Reason.TOO_FEW_PIXELS
    assert fit_tail(profiles[:1], errors[:1], levels[:1], columns=(3, 5)) is Reason.TOO_FEW_PIXELS
    with pytest.raises(ValueError, match="tail columns"):
        fit_tail(profiles, errors, levels, columns=(0, 13))


def test_fixed_and_proportional_loss_are_told_apart():
    """A trap that is full at all levels holds 5 electrons; over the pixels summed all of it comes out."""
    rng, traps = np.random.default_rng(5), (Traps(5 / IMAGING, 0.3, 100.0),)
    measured = [
        trailing_charge(flat_end(rng, level, traps=traps)) for level in (2000.0, 8000.0, 20000.0, 40000.0)
    ]
    loss = solve_loss(measured)
    assert isinstance(loss, Loss)
    assert loss.inefficiency * (IMAGING + 1) / IMAGING == pytest.approx(2e-5, abs=4 * loss.inefficiency_error)
    assert loss.inefficiency_error < 0.03 * 2e-5
    assert loss.fixed == pytest.approx(5, abs=4 * loss.fixed_error)
    assert loss.fixed_error < 0.5
    assert solve_loss([*measured[:2], Reason.NO_SIGNAL]) is Reason.TOO_FEW_LEVELS
    alike = [replace(measured[0], signal=measured[0].signal * (1 + n / 100)) for n in range(3)]
    assert solve_loss(alike) is Reason.ONE_LEVEL


def test_what_the_overscan_has_without_light_is_not_charge():
    """As in an amplifier of the Kast spectrograph: its level settles by 6 ADU behind the image, in biases too."""
    rng, settling = np.random.default_rng(10), np.array([-4.0, -2.0, -0.5, *np.zeros(OVERSCAN - 3)])
    dark, lit = flat_end(rng, 0.0), flat_end(rng, 20000.0)
    dark, lit = (End(one.image, one.overscan + settling, IMAGING) for one in (dark, lit))
    found = trailing_charge(lit, baseline=overscan_profile(dark))
    assert found.cti * (IMAGING + 1) / IMAGING == pytest.approx(2e-5, abs=4 * found.cti_error)
    assert found.cti_error > trailing_charge(lit).cti_error
    assert trailing_charge(lit).cti < 2e-5 - 6 * found.cti_error
    known = Profile(0.0, np.zeros(OVERSCAN), np.full(OVERSCAN, 0.5))
    wider = trailing_charge(lit, baseline=known).charge_error ** 2 - trailing_charge(lit).charge_error ** 2
    assert wider == pytest.approx(0.5**2 * (2 + 2**2 / 5))
    short = End(dark.image, dark.overscan[:, :-1], IMAGING)
    assert trailing_charge(lit, baseline=overscan_profile(short)) is Reason.TOO_FEW_PIXELS


def measured_at(signal, cti, error=1e-8):
    return TrailingCharge(signal, 0.0, cti * signal * 100, error * signal * 100, 0.0, 100, False)


def test_the_turnoff_lies_between_two_levels():
    levels = [(1e4, 1e-6), (2e4, 3e-5), (4e4, 1e-6), (6e4, 2e-5), (7e4, 9e-5)]
    measured = [measured_at(*one) for one in levels]
    found = turnoff([Reason.NO_SIGNAL, *measured[::-1]])
    assert (found.signal, found.sampling_error) == (4e4, 2e4)  # the bad frame at 2e4 is none
    assert turnoff(measured[:3]) is None
    assert turnoff([measured_at(6e4, 2e-5, error=5e-6)]) is None
    assert turnoff(measured[3:]).signal == 0
    assert mean_inefficiency(measured[:1] * 4) == (pytest.approx(1e-6), pytest.approx(5e-9))
    assert mean_inefficiency([Reason.NO_SIGNAL]) is Reason.TOO_FEW_LEVELS


def test_a_mean_of_levels_keeps_the_error_that_they_share():
    """Own errors of 4 and a baseline's of 3 in each charge: many levels take the first away, and not the second."""
    levels, step = np.linspace(1e4, 4e4, 400), 1e-4
    same = [replace(measured_at(1e4, 1e-6), charge_error=5.0, baseline_error=3.0)] * 400
    assert mean_inefficiency(same)[1] == pytest.approx(np.hypot(4 / 20, 3) / 1e6)
    apart = [measured_at(level, 1e-6) for level in levels]
    loss, own = (
        solve_loss([replace(one, charge_error=5.0, baseline_error=of_baseline) for one in apart])
        for of_baseline in (3.0, 0.0)
    )
    assert loss.fixed_error == pytest.approx(np.hypot(0.8 * own.fixed_error, 3))
    assert loss.inefficiency_error == pytest.approx(0.8 * own.inefficiency_error)
    moved = [
        replace(one, charge_error=5.0, offset_error=step * one.signal, charge=one.charge + step * one.signal)
        for one in apart
    ]
    shift = solve_loss(moved).inefficiency - own.inefficiency
    assert solve_loss(moved).inefficiency_error == pytest.approx(
        np.hypot(shift, own.inefficiency_error), rel=0.1
    )


def test_both_ends_are_cut_out_of_a_raw_frame_in_the_order_of_readout():
    raw = np.add.outer(np.arange(30.0) * 100, np.arange(40.0))
    box = Box(2, 22, 3, 33)
    amplifier = Amplifier(
        "A", box, Box(0, 20, 0, 30), True, True, Box(2, 22, 33, 40), Box(22, 30, 0, 33), 1.0, 1.0, None
    )
    serial = end_of_image(raw, replace(amplifier, prescan=3), "serial", pixels=2)
    np.testing.assert_array_equal(serial.image, raw[2:22, 31:33])
    np.testing.assert_array_equal(serial.overscan, raw[2:22, 33:40])
    assert (serial.imaging, serial.prescan) == (30, 3)
    parallel = end_of_image(raw, amplifier, "parallel", pixels=4)
    np.testing.assert_array_equal(parallel.image, raw[18:22, 3:33].T)
    np.testing.assert_array_equal(parallel.overscan, raw[22:30, 3:33].T)
    assert parallel.imaging == 20
    full = end_of_image(raw, replace(amplifier, saturation_adu=raw[12, 31]), "serial", pixels=2)
    np.testing.assert_array_equal(full.known().image, raw[2:12, 31:33])
    apart = replace(amplifier, serial_overscan=Box(2, 22, 35, 40))
    assert end_of_image(raw, apart, "serial") is Reason.NOT_BEHIND
    backwards = replace(apart, image_reversed=True, overscan_reversed=True, overscan_apart=True)
    turned = end_of_image(raw, backwards, "serial", pixels=2)
    np.testing.assert_array_equal(turned.image, raw[2:22, [4, 3]])
    np.testing.assert_array_equal(turned.overscan, raw[2:22, 39:34:-1])
    before = replace(amplifier, serial_overscan=Box(2, 22, 0, 3), image_reversed=True)
    mirrored = end_of_image(raw, before, "serial", pixels=2)
    np.testing.assert_array_equal(mirrored.image, raw[2:22, [4, 3]])
    np.testing.assert_array_equal(mirrored.overscan, raw[2:22, [2, 1, 0]])


def test_what_cannot_be_measured_has_a_reason_and_the_others_go_on():
    box, rng = Box(0, 20, 10, 30), np.random.default_rng(6)
    amplifier = Amplifier("A", box, Box(0, 20, 0, 20), False, False, Box(0, 20, 0, 5), None, 1.0, 1.0, None)
    raw = np.zeros((20, 30))
    good = flat_end(rng, 20000.0)
    unknown = End(np.full_like(good.image, np.nan), good.overscan, IMAGING)
    found = measure_trailing(
        {
            "before": end_of_image(raw, amplifier, "serial"),
            "none": end_of_image(raw, amplifier, "parallel"),
            "short": End(good.image, good.overscan[:, :6], IMAGING),
            "unknown": unknown,
            "dark": End(good.overscan[:, 5:15], good.overscan, IMAGING),
            "good": good,
        }
    )
    assert isinstance(found.pop("good"), TrailingCharge)
    assert found == {
        "before": Reason.NOT_BEHIND,
        "none": Reason.NO_OVERSCAN,
        "short": Reason.TOO_FEW_PIXELS,
        "unknown": Reason.TOO_FEW_LINES,
        "dark": Reason.NO_SIGNAL,
    }
    assert overscan_profile(unknown) is Reason.TOO_FEW_LINES
    assert hard_edge(unknown) is Reason.TOO_FEW_LINES
    assert hard_edge(good, after=30) is Reason.TOO_FEW_PIXELS
    silent = End(np.full((9, 10), 5.0), np.ones((9, 20)), IMAGING)
    assert overscan_profile(silent) is Reason.NO_NOISE
    assert characterise([silent], full_well=1e5).solved is Reason.TOO_FEW_LEVELS
    with pytest.raises(ValueError, match="hard edge signals"):
        hard_edge(good, signals=(-1, 1))


def test_the_hard_edge_is_each_lines_share_of_its_own_signal():
    """Lines of other signals, or of signals out of range, make no difference; the error is that of the noise."""
    rng = np.random.default_rng(7)
    signal = rng.uniform(1.2e4, 4.8e4, (500, 1))
    signal[:50] = 6e4
    shape = np.concatenate([np.ones(10), [1e-3, 2e-4], np.zeros(13)])
    strip = 1000 + signal * np.where(signal < 5e4, shape, 1.0) + rng.normal(0, 5, (500, 25))
    strip[:50, 10:] = 1000
    found = hard_edge(End(strip[:, :10], strip[:, 10:], IMAGING))
    assert found.lines == 450
    assert (np.abs(found.profile - shape)[:-3] < 4.5 * found.errors[:-3]).all()
    assert found.first[1] == pytest.approx(5 / 2.5e4 / np.sqrt(450), rel=0.5)


@pytest.mark.parametrize(
    "wrong", [{"pixels": 0}, {"level_pixels": 0}, {"sigma": 0}, {"normalisation": "ncols"}]
)
def test_settings_that_are_wrong_are_named(wrong):
    with pytest.raises(ValueError, match=f"trailing {next(iter(wrong))}"):
        Trailing(**wrong)
