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

NY, NX, OVER = 7, 9, 5
T = np.float32


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


def where(geometry, y, x):
    """Give the number of the amplifier, and the raw row and column, of an assembled pixel."""
    for index, one in enumerate(geometry.amplifiers):
        if one.placed.y0 <= y < one.placed.y1 and one.placed.x0 <= x < one.placed.x1:
            row, column = y - one.placed.y0, x - one.placed.x0
            height, width = one.image.shape
            row = height - 1 - row if one.flip_y else row
            column = width - 1 - column if one.flip_x else column
            return index, one.image.y0 + row, one.image.x0 + column
    raise AssertionError


def straight(linearity, v):
    """Correct one signal, step by step; also say whether it lies outside."""
    if isinstance(linearity, Polynomial):
        factors = [type(v)(one) for one in linearity.coefficients]
        correction = factors.pop()
        while factors:
            correction = correction * v + factors.pop()
        return correction * v * v + v, False
    if isinstance(linearity, Lookup):
        entry = math.floor(v) - linearity.first
        return v + type(v)(linearity.table[min(max(entry, 0), len(linearity.table) - 1)]), not (
            0 <= entry < len(linearity.table)
        )
    knots = [type(v)(one) for one in linearity.knots]
    at = min(max(v, knots[0]), knots[-1])
    interval = max(index for index in range(len(knots) - 1) if knots[index] <= at)
    c0, c1, c2, c3 = (type(v)(one) for one in linearity.cubics[interval])
    t = at - knots[interval]
    return v - (((c3 * t + c2) * t + c1) * t + c0), at != v


def follow(situation, y, x):
    """Take one pixel from raw to (data, variance, mask), one operation after another."""
    raw, geometry, signature, terms = situation
    index, row, column = where(geometry, y, x)
    amplifier = geometry.amplifiers[index]
    value, mask = read(raw, amplifier, signature, row, column)
    scale = type(value)(terms.scales(len(geometry.amplifiers))[index])
    value, variance, more = calibrate(value, amplifier, signature, terms, (y, x))
    return T(value / scale), T(variance / (scale * scale)), mask | more


def read(raw, amplifier, signature, row, column):
    """Take one sample to a signal without pedestal, straight."""
    kind = np.float64 if raw.dtype.itemsize > 4 or raw.dtype.kind == "i" else np.float32
    value = kind(raw[row, column])
    mask = Mask.SATURATED if float(raw[row, column]) >= amplifier.saturation_adu else 0
    rows = serial(raw, amplifier, signature.overscan)
    value = value - kind(rows[row])
    gain = amplifier.gain_e_per_adu if signature.unit == "electron" else 1.0
    value = value * kind(gain)
    if signature.parallel.method == "median-per-row":
        box, level = amplifier.parallel_overscan, float(np.median(list(rows.values())))
        beside = [(float(raw[line, column]) - level) * gain for line in range(box.y0, box.y1)]
        value = value - kind(np.median(beside))
    if signature.linearity:
        value, outside = straight(signature.linearity[amplifier.name], value)
        mask |= Mask.SUSPECT if outside else 0
    return value, int(mask)


def calibrate(value, amplifier, signature, terms, at):
    """Take a signal to what is left after bias, dark and flat."""
    kind, mask = type(value), 0
    gain = 1.0 if signature.unit == "electron" else amplifier.gain_e_per_adu
    variance = kind((amplifier.read_noise_e / gain) ** 2)
    bias, dark, flat = signature.bias, signature.dark, signature.flat
    if bias is not None:
        value = value - kind(T(bias.data[at]))
    if signature.photon_noise:
        variance = max(value, kind(0)) / kind(gain) + variance
    if bias is not None:
        variance, mask = variance + kind(T(bias.variance[at])), mask | int(bias.mask[at])
    if dark is not None:
        time = kind(terms.dark_time_s)
        value = value - kind(T(dark.data[at])) * time
        variance = variance + kind(T(dark.variance[at])) * (time * time)
        mask |= int(dark.mask[at])
    if signature.defects is not None:
        mask |= int(signature.defects[at])
    if flat is not None:
        response = kind(T(flat.data[at]))
        if not (math.isfinite(response) and response > 0):
            response, mask = kind(np.nan), mask | Mask.BAD
        value = value / response
        variance = (variance + value * value * kind(T(flat.variance[at]))) / (response * response)
        mask |= int(flat.mask[at])
    return value, variance, int(mask)


def serial(raw, amplifier, overscan):
    """Give the level of each row of the serial overscan."""
    box = amplifier.serial_overscan
    first, last = box.x0 + overscan.leading_skip, box.x1 - overscan.trailing_skip
    lines = {y: [float(v) for v in raw[y, first:last]] for y in range(box.y0, box.y1)}
    if overscan.method == "none":
        return dict.fromkeys(lines, 0.0)
    if overscan.method == "median":
        return dict.fromkeys(lines, float(np.median([v for line in lines.values() for v in line])))
    return {y: float(np.median(line)) for y, line in lines.items()}


def reference(rng, shape, level, spread, bits):
    mask = np.where(rng.random(shape) < 0.1, np.uint32(bits), np.uint32(0))
    return Reference(rng.normal(level, spread, shape), rng.uniform(0.01, 0.2, shape).astype(">f4"), mask)


LINEARITIES = {
    "polynomial": Polynomial((-1.5e-6, 2e-12)),
    "spline": Spline((0.0, 500.0, 4000.0, 60000.0), (0.0, 3.0, -20.0, 700.0)),
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
        ("linearity: amplifiers A match the detector, B, C, D not", _one_linearity(), Terms()),
        ("frame 0: dark_time_s is None", Signature(dark=dark), Terms()),
        ("frame 0: dark_time_s is -1", Signature(dark=dark), Terms(-1.0)),
        ("frame 0: weight is 0", Signature(), Terms(weight=0.0)),
        ("frame 0: 2 scales", Signature(), Terms(scale=(1.0, 2.0))),
        ("frame 0, amplifier 'C': scale is nan", Signature(), Terms(scale=(1.0, 2.0, math.nan, 1.0))),
        ("frame 0: amplifier 'A': leading_skip 5", Signature(overscan=Overscan(leading_skip=5)), Terms()),
    ]:
        with pytest.raises(ValueError, match=message):
            correct_frame(raw, geometry, signature, terms)


def _one_linearity():
    return Signature(linearity={"A": Polynomial((0.0,))})
