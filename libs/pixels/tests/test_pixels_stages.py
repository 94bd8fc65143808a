"""The steps of a signature: one pixel followed by hand, against whole frames; their order, kinds and checks."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import (
    Amplifier,
    Box,
    DoubleSpline,
    Geometry,
    Lookup,
    Mask,
    Overscan,
    Polynomial,
    Reference,
    Signature,
    Spline,
    Step,
    Terms,
    correct_frame,
)
from oracle_stages import follow

NY, NX, OVER = 7, 9, 5


def detector(flips=((False, False), (True, False), (False, True), (True, True))):
    """Four amplifiers in a row in the raw frame, two by two when assembled; overscans right of and below each."""
    amplifiers = []
    for index, (flip_x, flip_y) in enumerate(flips):
        upper, right = index // 2, index % 2
        x0 = index * (NX + OVER)
        amplifiers.append(
            Amplifier(
                name="ABCD"[index],
                image=Box(0, NY, x0, x0 + NX),
                placed=Box(upper * NY, (upper + 1) * NY, right * NX, (right + 1) * NX),
                flip_x=flip_x,
                flip_y=flip_y,
                serial_overscan=Box(0, NY, x0 + NX, x0 + NX + OVER),
                parallel_overscan=Box(NY, NY + 3, x0, x0 + NX),
                gain_e_per_adu=1.3 + 0.7 * index,
                read_noise_e=3.0 + index,
                saturation_adu=60000.3,
            )
        )
    return Geometry((NY + 3, 4 * (NX + OVER)), (2 * NY, 2 * NX), tuple(amplifiers))


def reference(rng, shape, level, spread, bits):
    mask = np.where(rng.random(shape) < 0.1, np.uint32(bits), np.uint32(0))
    return Reference(rng.normal(level, spread, shape), rng.uniform(0.01, 0.2, shape).astype(">f4"), mask)


LINEARITIES = {
    "polynomial": Polynomial((-1.5e-6, 2e-12)),
    "spline": Spline((0.0, 500.0, 4000.0, 60000.0), (0.0, 3.0, -20.0, 700.0)),
    "double spline": DoubleSpline(
        Spline((-500.0, 0.0, 900.0, 60000.0), (2.0, 0.0, 3.0, -300.0)), Spline((0.0, 2000.0), (0.0, -8.0))
    ),
    "lookup": Lookup(np.linspace(0, 30, 3000, dtype=np.float32), first=-10),
}


@st.composite
def situations(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flip = st.tuples(st.booleans(), st.booleans())
    geometry = detector(draw(st.lists(flip, min_size=4, max_size=4)))
    raw = rng.normal(1000, 4, geometry.raw_shape)
    for amplifier in geometry.amplifiers:
        raw[amplifier.image.slices] += rng.exponential(3000, amplifier.image.shape)
        raw[amplifier.image.slices][0, :2] = 60000, 60001
    raw = raw.clip(0, 65535).round().astype(draw(st.sampled_from(["<u2", ">u2", "<i4", ">i4", "<f4", ">f8"])))
    if raw.dtype.kind == "f":
        raw[1, 2:4] = np.nan, np.inf
    shape = geometry.shape
    flat = reference(rng, shape, 1.0, 0.1, Mask.DEAD)
    flat.data[0, :3] = 0, np.nan, -1
    maybe = st.sampled_from([0, 1])
    name = draw(st.sampled_from(["", *LINEARITIES]))
    signature = Signature(
        overscan=Overscan(
            draw(st.sampled_from(["none", "median", "median-per-row"])),
            leading_skip=draw(st.integers(0, 2)),
            trailing_skip=draw(st.integers(0, 2)),
        ),
        parallel=Overscan(draw(st.sampled_from(["none", "median-per-row"]))),
        unit=draw(st.sampled_from(["electron", "adu"])),
        linearity={one.name: LINEARITIES[name] for one in geometry.amplifiers} if name else {},
        bias=reference(rng, shape, 5, 2, Mask.SUSPECT) if draw(maybe) else None,
        dark=reference(rng, shape, 0.1, 0.2, Mask.HOT) if draw(maybe) else None,
        defects=np.where(rng.random(shape) < 0.05, Mask.BAD, 0).astype(">u4") if draw(maybe) else None,
        flat=flat if draw(maybe) else None,
        photon_noise=draw(st.booleans()),
    )
    scale = draw(st.sampled_from([1.0, 3.7, (1.0, 1.1, 0.9, 1.3)]))
    return raw, geometry, signature, Terms(draw(st.sampled_from([0.0, 1.0, 33.3])), scale)


@given(situations())
@settings(max_examples=60, deadline=None)
def test_every_pixel_is_what_following_it_gives(situation):
    image = correct_frame(*situation)
    with np.errstate(all="ignore"):
        for y, x in np.ndindex(image.data.shape):
            data, variance, mask = follow(situation, y, x)
            assert image.mask[y, x] == mask, (y, x)
            np.testing.assert_equal((image.data[y, x], image.variance[y, x]), (data, variance), f"{(y, x)}")


def test_the_order_is_the_references_and_barriers_have_their_places():
    kinds = {step.value: step.kind for step in Step}
    order = list(kinds)
    for earlier, later in [
        ("serial overscan", "gain"),
        ("gain", "crosstalk"),
        ("crosstalk", "parallel overscan"),
        ("parallel overscan", "linearity"),
        ("linearity", "charge transfer"),
        ("charge transfer", "bias"),
        ("bias", "dark"),
        ("dark", "defects"),
        ("defects", "brighter-fatter"),
        ("brighter-fatter", "flat"),
    ]:
        assert order.index(earlier) < order.index(later)
    barriers = {name for name, kind in kinds.items() if kind == "barrier"}
    assert barriers == {"crosstalk", "charge transfer", "brighter-fatter", "cosmic rays"}


class Mirror:
    """A barrier: every amplifier takes a part of the frame mirrored left to right, as ghosts do."""

    reach = 0

    def apply(self, band, geometry):
        band.data -= np.float32(0.01) * band.data[:, ::-1]


def test_a_barrier_stands_in_its_place():
    geometry = detector()
    raw = np.random.default_rng(5).integers(900, 3000, geometry.raw_shape).astype(np.uint16)
    linearity = dict.fromkeys("ABCD", LINEARITIES["polynomial"])
    bare = Signature(overscan=Overscan("none"))
    gained = correct_frame(raw, geometry, bare).data
    crossed = gained - np.float32(0.01) * gained[:, ::-1]
    found = correct_frame(
        raw, geometry, dataclasses.replace(bare, linearity=linearity, barriers={Step.CROSSTALK: Mirror()})
    )
    expected, _ = LINEARITIES["polynomial"].apply(crossed)
    np.testing.assert_array_equal(found.data, expected)
    with pytest.raises(ValueError, match="'gain' is pointwise"):
        Signature(barriers={Step.GAIN: Mirror()})


def test_saturation_is_compared_in_double_precision():
    level = float(np.float32(50000.1)) + 1e-4  # nearer to that float32 than to the next
    geometry = detector()
    first = dataclasses.replace(geometry.amplifiers[0], saturation_adu=level)
    geometry = dataclasses.replace(geometry, amplifiers=(first, *geometry.amplifiers[1:]))
    raw = np.full(geometry.raw_shape, 50000.1, np.float32)
    raw[0, 1] = np.nextafter(np.float32(50000.1), np.float32(np.inf))
    mask = correct_frame(raw, geometry, Signature()).mask[:NY, :NX]
    assert np.argwhere(mask).tolist() == [[0, 1]]


def test_what_is_missing_or_does_not_fit_is_named():
    geometry = detector()
    raw = np.full(geometry.raw_shape, 1000, np.uint16)
    plane = np.zeros(geometry.shape)
    small, dark = Reference(np.zeros((2, 2))), Reference(plane)
    for message, signature, terms in [
        ("bias: shape", Signature(bias=small), Terms()),
        ("dark: shape", Signature(dark=small), Terms(1.0)),
        ("flat mask: type float64", Signature(flat=Reference(plane, None, plane)), Terms()),
        ("defects: shape", Signature(defects=np.zeros((2, 2), "u4")), Terms()),
        ("linearity: missing for amplifiers B, C, D, and unknown are none", _one_linearity(), Terms()),
        ("frame 0: dark_time_s is None", Signature(dark=dark), Terms()),
        ("frame 0: dark_time_s is -1", Signature(dark=dark), Terms(-1.0)),
        ("frame 0: weight is 0", Signature(), Terms(weight=0.0)),
        ("frame 0: 2 scales", Signature(), Terms(scale=(1.0, 2.0))),
        ("frame 0, amplifier 'C': scale is nan", Signature(), Terms(scale=(1.0, 2.0, math.nan, 1.0))),
        ("amplifier 'A': leading_skip 5", Signature(overscan=Overscan(leading_skip=5)), Terms()),
    ]:
        with pytest.raises(ValueError, match=message):
            correct_frame(raw, geometry, signature, terms)


def _one_linearity():
    return Signature(linearity={"A": Polynomial((0.0,))})
