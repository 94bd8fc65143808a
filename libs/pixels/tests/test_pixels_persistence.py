"""Persistence and telegraph pixels: what was put into simulated frames comes back, and what is none has a reason."""

import numpy as np
import pytest

from calibrant.pixels.analyses import Fading, Reason, fit_fading, latent_signal, telegraph_pixels


def test_a_latent_signal_and_its_decay_come_back():
    rng, times = np.random.default_rng(14), np.array([30.0, 60, 90, 150, 240, 400, 700])
    pattern, flooded = rng.normal(100, 20, (40, 40)), rng.random((40, 40)) < 0.5
    pulls = []
    for _ in range(20):
        references = [pattern + rng.normal(0, 4, (40, 40)) for _ in range(3)]
        frames = [pattern + flooded * 8 * np.exp(-time / 120) + rng.normal(0, 4, (40, 40)) for time in times]
        frames[2][3:5, 3:5] += 5000
        latent = latent_signal(frames, references, flooded)
        found = fit_fading(times, latent.levels, latent.errors)
        assert isinstance(found, Fading)
        pulls.append(
            [(found.amplitude - 8) / found.amplitude_error, (found.time_s - 120) / found.time_error_s]
        )
    assert latent.pixels == flooded.sum()
    assert latent.errors == pytest.approx(np.full(7, 4 / np.sqrt(flooded.sum())), rel=0.15)
    assert (np.abs(np.mean(pulls, axis=0)) < 0.9).all()
    assert ((np.std(pulls, axis=0) > 0.5) & (np.std(pulls, axis=0) < 1.6)).all()


def test_a_decay_that_was_over_long_before_the_first_frame_has_no_amplitude():
    times = 36_000 + 30 * np.arange(10.0)
    levels = 1000 * np.exp(-(times - times[0]) / 15) + np.random.default_rng(17).normal(0, 1, 10)
    assert fit_fading(times, levels, np.ones(10)) is Reason.NOT_CONVERGED
    assert fit_fading(times - 35_990, levels, np.ones(10)).time_s == pytest.approx(15, rel=0.05)


def test_no_latent_signal_has_no_decay():
    rng, flooded = np.random.default_rng(15), np.ones((40, 40), bool)
    frames = [rng.normal(0, 4, (40, 40)) for _ in range(8)]
    latent = latent_signal(frames, frames[:1], flooded)
    assert fit_fading(np.arange(7.0), latent.levels[1:], latent.errors[1:]) is Reason.NO_DECAY
    assert fit_fading(np.arange(2.0), latent.levels[1:3], latent.errors[1:3]) is Reason.TOO_FEW_FRAMES
    assert latent_signal(frames, [], flooded) is Reason.TOO_FEW_FRAMES
    assert latent_signal(frames, frames[:1], ~flooded) is Reason.TOO_FEW_PIXELS


def test_telegraph_pixels_are_found_and_noisy_or_drifting_ones_are_not():
    rng = np.random.default_rng(16)
    frames = rng.normal(1000, 3, (30, 50, 50))
    high = np.repeat([0, 1, 0, 1, 0], [8, 5, 7, 6, 4])
    frames[:, 7, 9] += 40 * high
    frames[:, 20, 20] += rng.normal(0, 30, 30)
    frames[:, 30, 30] += np.linspace(0, 60, 30)
    frames[4, 40, 40] += 5000
    frames[:25, 41, 41] = np.nan
    found = telegraph_pixels(frames, 3.0)
    assert list(zip(found.row, found.column, strict=True)) == [(7, 9)]
    assert (found.low[0], found.high[0]) == (pytest.approx(1000, abs=3), pytest.approx(1040, abs=3))
    assert (found.share[0], found.jumps[0], found.tested) == (pytest.approx(11 / 30), 4, 2499)
    assert len(telegraph_pixels(frames[:, :5, :5], 3.0).row) == 0
    with pytest.raises(ValueError, match="7 frames"):
        telegraph_pixels(frames[:7], 3.0)
    with pytest.raises(ValueError, match="noise is 0"):
        telegraph_pixels(frames, 0)
    with pytest.raises(ValueError, match="fewest is 5"):
        telegraph_pixels(frames, 3.0, fewest=5)
