"""How a frame stands to the product it is measured against, and what noise their difference must have.

Owns the expectation. Must not know files, limits or verdicts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from calibrant.frames.writing import ProductImage, ProductInput
from calibrant.pixels import Amplifier, combined_variance
from calibrant.pixels.overscan import OverscanMethod

FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Membership:
    """How a frame stands to the product it is measured against.

    Parameters
    ----------
    combined : float
        Variance of what the product takes from the frame, over the variance of the frame.
    share : float
        Part that the frame itself has in that; 0 for one held out.
    bias : float
        Variance of what the bias leaves in the difference, over that of the readout of one frame.
    """

    combined: float
    share: float
    bias: float = 0.0

    @property
    def variance_factor(self) -> float:
        """Variance of a frame less the product over that of the frame: more than 1 where it is held out, else less."""
        return max(1 + self.combined - 2 * self.share, 0.0)

    def expected_noise_e(self, amplifier: Amplifier, overscan: OverscanMethod, dark_e: float = 0.0) -> float:
        """Give the noise that the frame less the product must show where neither has light, in electrons.

        A level that is taken from each row of the overscan adds its own noise, in the frame as in the product.

        Parameters
        ----------
        amplifier : Amplifier
            Has the read noise.
        overscan : str
            How the overscan is removed.
        dark_e : float
            Nominal dark charge of a pixel of the frame, in electrons.
        """
        box = amplifier.serial_overscan
        level = 0.0
        if overscan == "median-per-row" and box is not None:
            level = combined_variance(box.shape[1], "median")
        readout = amplifier.read_noise_e**2 * (1 + level)
        return math.sqrt((readout + dark_e) * self.variance_factor + readout * self.bias)


def membership(
    product: ProductImage, frame_id: str, dark_time_s: float | None, bias: ProductImage | None = None
) -> Membership:
    """Say how a frame stands to a product.

    A clipped mean and a mean without extremes count as means. Of a dark per second the frame has its own dark time
    taken away, so frames of short dark times put more noise into it.

    Parameters
    ----------
    product : ProductImage
        What is verified, with its inputs.
    frame_id : str
        The frame.
    dark_time_s : float or None
        Its dark time.
    bias : ProductImage or None
        What was subtracted from the frame, and from those in a dark per second: of frames of one dark time it cancels.
    """
    inputs = [one for one in product.provenance.inputs if one.role == FRAMES]
    places = [number for number, one in enumerate(inputs) if one.id == frame_id]
    weights = _weights(product, max(len(inputs), 1))
    return Membership(
        combined=_variance(product, weights) * _spread(product, inputs, weights, dark_time_s),
        share=weights[places[0]] if places else 0.0,
        bias=_bias(product, inputs, weights, dark_time_s, bias),
    )


def _variance(product: ProductImage, weights: Sequence[float]) -> float:
    """Give the variance of a combination of equal frames over that of one of them."""
    if product.statistic == "median":
        return combined_variance(len(weights), "median")
    return math.fsum(weight**2 for weight in weights)


def _weights(product: ProductImage, count: int) -> list[float]:
    """Give the part that each frame has in a combination."""
    asked = product.provenance.parameters.get("weights")
    if product.statistic == "weighted-mean" and isinstance(asked, Sequence) and len(asked) == count:
        return [float(weight) / math.fsum(map(float, asked)) for weight in asked]
    return [1 / count] * count


def _spread(
    product: ProductImage, inputs: Sequence[ProductInput], weights: Sequence[float], dark_time_s: float | None
) -> float:
    """Give how much more noise a dark per second brings into a frame than one of frames of its own dark time."""
    times = [one.dark_time_s for one in inputs]
    if not product.per_second or not dark_time_s or not all(times):
        return 1.0
    squares = math.fsum(weight**2 for weight in weights)
    return (
        math.fsum((weight * dark_time_s / (t or 1)) ** 2 for weight, t in zip(weights, times, strict=True))
        / squares
    )


def _bias(
    product: ProductImage,
    inputs: Sequence[ProductInput],
    weights: Sequence[float],
    dark_time_s: float | None,
    bias: ProductImage | None,
) -> float:
    """Give the variance that a bias leaves in a frame less a dark per second, over that of a frame's readout.

    The frame has it once, and the dark, scaled to the frame's dark time, as often as that is longer than those in it.
    """
    times = [one.dark_time_s for one in inputs]
    if bias is None or not product.per_second or not dark_time_s or not all(times):
        return 0.0
    often = math.fsum(weight * dark_time_s / (t or 1) for weight, t in zip(weights, times, strict=True))
    count = sum(one.role == FRAMES for one in bias.provenance.inputs)
    return (often - 1) ** 2 * _variance(bias, _weights(bias, max(count, 1)))
