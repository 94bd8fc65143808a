"""Least squares side by side: what is said to have arrived has, from wherever it came."""

import numpy as np
import pytest

from calibrant.pixels.levenberg_marquardt import Observed, least_squares


def decay(x, parameters):
    fall = np.exp(-x / parameters[:, 1:])
    return parameters[:, :1] * fall, np.stack(
        [fall, parameters[:, :1] * fall * x / parameters[:, 1:] ** 2], -1
    )


@pytest.mark.parametrize("start", [(1.0, 1.0), (1.0, 900.0), (-50.0, 0.02)])
def test_a_step_that_is_small_because_it_is_damped_is_no_arrival(start):
    rng = np.random.default_rng(1)
    x = np.broadcast_to(np.linspace(0, 10, 40), (200, 40))
    truth = np.stack([rng.uniform(0.5, 5, 200), rng.uniform(0.2, 8, 200)], axis=1)
    y = decay(x, truth)[0] + rng.normal(0, 0.01, x.shape)
    bounds = np.array([-100, 0.01]), np.array([100, 1000.0])
    found = least_squares(decay, Observed(x, y, np.full(x.shape, 1e4)), np.tile(start, (200, 1)), bounds)
    assert found.converged.all()
    assert found.chi2.max() < 100
