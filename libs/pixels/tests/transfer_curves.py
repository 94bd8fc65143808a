"""Photon transfer curves made of models, and how far fits of them lie from the truth."""

import numpy as np
import pytest

GAIN, NOISE_E, PIXELS = 0.9, 6.0, 1_000_000


A = np.array([[-2.6e-6, 2.2e-7, 4e-8], [3.4e-7, 1.1e-7, 3e-8], [6e-8, 4e-8, 2e-8]])


def pulls(fits, name, truth):
    return [
        (getattr(fit, name) - truth)
        / getattr(fit, f"{name.removesuffix('_e')}_error" + "_e" * name.endswith("_e"))
        for fit in fits
    ]


def assert_unit_width(values):
    n = len(values)
    assert abs(np.mean(values)) < 4 / np.sqrt(n)
    assert np.std(values) == pytest.approx(1, abs=4 / np.sqrt(2 * n))
