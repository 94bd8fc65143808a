"""Frames with known crosstalk, and what is measured on them, for tests of the recipe."""

import numpy as np

from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import FrameInput, RecipeInputs
from calibrant.combine.recipes.crosstalk.recipe import compute
from calibrant.frames.correcting import correction
from calibrant.frames.instrument import load_instrument
from calibrant.frames.writing import (
    ProductAmplifier,
    ProductTables,
    Provenance,
)
from calibrant.pixels import ArrayRows
from calibrant.rules.classification import ImageType

LEAKS = np.where(~np.eye(4, dtype=bool), np.random.default_rng(3).uniform(-1e-3, 2e-3, (4, 4)), 0)
"""ADU of a victim for each ADU of a source."""
BENT_PER_ADU = 1e-5
PEDESTAL_ADU = 1000.0


def light(rng, shape, spots=4, level_e=60.0):
    """Give what an amplifier collects, in electrons, the pixel that is read first at the first place."""
    y, x = np.indices(shape)
    expected = np.full(shape, level_e)
    for cy, cx in rng.uniform(4, min(shape) - 4, (spots, 2)):
        expected += rng.uniform(5e4, 9e4) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 1.8**2))
    return rng.poisson(expected).astype(float)


def raw_frame(rng, geometry, lights, bent_per_adu=0.0, leaks=LEAKS):
    """Read a frame out: what an amplifier delivers has its part of all others'."""
    gains = np.array([one.gain_e_per_adu for one in geometry.amplifiers])
    signals = lights / gains[:, None, None]
    shown = signals + np.tensordot(leaks, signals * (1 + bent_per_adu * signals), 1)
    raw = np.full(geometry.raw_shape, PEDESTAL_ADU)
    for one, plane in zip(geometry.amplifiers, shown, strict=True):
        raw[one.image.slices] += plane
    raw += rng.normal(0, 3.3, raw.shape)
    return raw.round().clip(0, 65535).astype(np.uint16)


def frames(geometry, count, change=lambda lights: None, **made):
    """Give raw frames of spots; `change` changes what their amplifiers collect, in place."""
    rng, shape = np.random.default_rng(11), geometry.amplifiers[0].image.shape
    found = []
    for _ in range(count):
        lights = np.stack([light(rng, shape) for _ in geometry.amplifiers])
        change(lights)
        found.append(raw_frame(rng, geometry, lights, **made))
    return found


def crosstalk(raws, geometry=None, memory_bytes=0, **parameters):
    """Follow the recipe; give its three tables."""
    recipe, instrument = RECIPES["crosstalk"], load_instrument("simcam-tiny")
    settled = parse_parameters(recipe, {name: str(value) for name, value in parameters.items()})
    whole, corrected = correction(instrument, 0, settled, settled.unit)
    given = [
        FrameInput(f"frame {n}", ArrayRows(raw), 5.0, 5.0, image_type=ImageType.SPOT)
        for n, raw in enumerate(raws)
    ]
    return compute(RecipeInputs(given, {}, geometry or whole, corrected, memory_bytes), settled).tables


def product(tables, unit):
    amplifiers = load_instrument("simcam-tiny").geometry(0).amplifiers
    return ProductTables(
        kind="crosstalk",
        instrument="simcam-tiny",
        detector=0,
        detector_name="S00",
        provenance=Provenance(
            "crosstalk-1", "1" * 64, "crosstalk", "1", "1", "1" * 64, parameters={"unit": unit}
        ),
        begin_tai_ns=0,
        end_tai_ns=1,
        amplifiers=tuple(
            ProductAmplifier(one.name, one.gain_e_per_adu, one.read_noise_e) for one in amplifiers
        ),
        tables=tables,
    )


def truth(pairs, geometry, unit="electron"):
    """Give the coefficients of the rows of a table, in a unit."""
    names = [one.name for one in geometry.amplifiers]
    gains = np.array([one.gain_e_per_adu for one in geometry.amplifiers])
    v, s = ([names.index(one) for one in pairs[column]] for column in ("AMPLIFIER", "SOURCE"))
    return LEAKS[v, s] * (gains[v] / gains[s] if unit == "electron" else 1)
