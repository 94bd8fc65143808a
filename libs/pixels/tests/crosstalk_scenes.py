"""What amplifiers show that leak into each other: known coefficients, spots, and raw frames of them."""

import numpy as np

from calibrant.pixels import Amplifier, Box, Geometry, Overscan, Signature, Step, Terms, correct_frame
from calibrant.pixels.crosstalk import CrosstalkMatrix, ReadoutPlane, known_matrix

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


def removing(barrier, **options):
    return Signature(overscan=Overscan("none"), barriers={Step.CROSSTALK: barrier}, **options)


def corrected(raw, geometry, barrier, others=None, **options):
    return correct_frame(raw, geometry, removing(barrier, **options), Terms(others=others))


def matrix_of(value, error=1e-5):
    known = known_matrix(("A", "B"), np.full((2, 2), value))
    covariance = np.where(np.isnan(known.covariance), np.nan, error**2)
    count = np.where(np.eye(2, dtype=bool), 0, 100)
    return CrosstalkMatrix(known.victims, known.sources, known.coefficients, covariance, count, known.reasons)
