"""Dark current and time: frames per second of dark time, and references for another dark time.

It owns the scaling; it must not know where dark times come from (a header, or the exposure time).
"""

import math

import numpy as np

from calibrant.pixels.image import Image, Reference


def per_second(image: Image, dark_time_s: float) -> Image:
    """Divide a dark frame by its dark time, before it is combined with others.

    Parameters
    ----------
    image
        Dark frame, its bias subtracted (a pedestal does not grow with time).
    dark_time_s
        Time over which dark current was collected, in s, above zero.

    Returns
    -------
    Image
        Data per second, variance per second squared; mask, overscan and `unit` (now per second) as they were.

    Raises
    ------
    ValueError
        When the dark time is not a positive number.
    """
    if not (math.isfinite(dark_time_s) and dark_time_s > 0):
        raise ValueError(f"dark_time_s: {dark_time_s}, must be a positive number of seconds")
    data = (image.data / dark_time_s).astype(np.float32)
    variance = (image.variance / dark_time_s**2).astype(np.float32)
    return Image(data, variance, image.mask, image.overscan, image.unit)


def scaled(reference: Reference, factor: float) -> Reference:
    """Multiply a reference, for instance a dark per second by a dark time in s.

    Parameters
    ----------
    reference
        What to scale.
    factor
        Finite number; the variance is multiplied by its square.

    Returns
    -------
    Reference
        With the same mask.

    Raises
    ------
    ValueError
        When the factor is not finite.
    """
    if not math.isfinite(factor):
        raise ValueError(f"factor: {factor}, must be finite")
    variance = None if reference.variance is None else reference.variance * factor**2
    return Reference(reference.data * factor, variance, reference.mask)
