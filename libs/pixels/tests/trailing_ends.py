"""Ends of flats whose charge trails, simulated for tests."""

import numpy as np

from calibrant.pixels.charge_transfer import (
    End,
    Transfers,
    transfer,
)

IMAGING, OVERSCAN, LINES = 400, 24, 200


def flat_end(rng, signal, *, inefficiency=2e-5, scale=0.0, decay=4.0, wave=0.0, traps=()):
    """Simulate the end of a flat: shot noise, transfers, electronic offset, row noise, read noise."""
    exposed = np.zeros((LINES, IMAGING + OVERSCAN))
    exposed[:, :IMAGING] = rng.poisson(signal, (LINES, IMAGING))
    read = transfer(exposed, None, Transfers(traps, inefficiency=inefficiency, places=IMAGING))
    pixels = np.arange(1, OVERSCAN + 1)
    read[:, IMAGING:] += scale * signal * np.exp(-pixels / decay) * np.cos(wave * pixels)
    read += 1000 + rng.normal(0, 3, (LINES, 1)) + rng.normal(0, 4, read.shape)
    return End(read[:, IMAGING - 10 : IMAGING], read[:, IMAGING:], IMAGING)
