"""One pixel's way through the steps of a signature: plain Python, scalars, slow, written apart from the library.

It must not use anything of the library but the descriptions of what is to be removed.
"""

import math

import numpy as np

from calibrant.pixels import DoubleSpline, Lookup, Mask, Polynomial

T = np.float32


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
    if not math.isfinite(v):
        return v, not isinstance(linearity, Polynomial) and not math.isnan(v)
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
    if isinstance(linearity, DoubleSpline):
        once, outside = straight(linearity.first, v)
        twice, beyond = straight(linearity.second, once)
        return twice, outside or beyond
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
    mask = Mask.SATURATED if float(raw[row, column]) >= (amplifier.saturation_adu or math.inf) else 0
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
    if not math.isfinite(value):
        value, variance, mask = kind(np.nan), kind(np.nan), mask | Mask.NO_DATA
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
    box, image = amplifier.serial_overscan, amplifier.image
    if overscan.method == "none" or box is None:
        return dict.fromkeys(range(image.y0, image.y1), 0.0)
    near, far = overscan.leading_skip, overscan.trailing_skip
    first, last = (box.x0 + near, box.x1 - far) if box.x0 >= image.x1 else (box.x0 + far, box.x1 - near)
    lines = {y: [float(v) for v in raw[y, first:last]] for y in range(box.y0, box.y1)}
    if overscan.method == "median":
        return dict.fromkeys(lines, float(np.median([v for line in lines.values() for v in line])))
    return {y: float(np.median(line)) for y, line in lines.items()}
