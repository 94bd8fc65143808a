"""Pixels of amplifiers in the order in which they were read: what was read at one time has one index.

It owns the way there and back, and how far rows of a detector reach into each other; it must not know coefficients.
"""

from calibrant.pixels.geometry import Geometry
from calibrant.pixels.image import Image, ReadoutPlane


def channel_name(amplifier: str, detector: str = "") -> str:
    """Give the name that an amplifier has among those of several detectors: ``detector/amplifier``."""
    return f"{detector}/{amplifier}" if detector else amplifier


def readout_planes(image: Image, geometry: Geometry, detector: str = "") -> dict[str, ReadoutPlane]:
    """Cut a frame into its amplifiers, as views in readout order.

    Parameters
    ----------
    image
        Overscan subtracted, not yet corrected for crosstalk.
    geometry
        The detector.
    detector
        Its name, where there are several; see :func:`channel_name`.

    Returns
    -------
    dict
        By the name of the channel.

    Raises
    ------
    ValueError
        When the frame has not the shape of the geometry.
    """
    if image.data.shape != geometry.shape:
        raise ValueError(f"image: shape {image.data.shape}, but the geometry says {geometry.shape}")
    return {
        channel_name(one.name, detector): ReadoutPlane(
            one.in_readout_order(image.data[one.placed.slices]),
            one.in_readout_order(image.mask[one.placed.slices]),
        )
        for one in geometry.amplifiers
    }


def shared_rows(geometry: Geometry) -> bool:
    """Say whether what is read at one time lies in one row of the assembled frame.

    It does where the amplifiers lie side by side and are read in the same direction; where a detector is read to its
    lower and its upper edge, it does not.
    """
    rows = {(one.placed.y0, one.placed.y1, one.flip_y) for one in geometry.amplifiers}
    return len(rows) == 1
