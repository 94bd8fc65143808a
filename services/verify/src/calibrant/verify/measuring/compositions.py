"""Of which frames a flat says that it was combined, and how: what its provenance keeps, for the noise that is expected.

Must not know pixels, formulas or limits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from calibrant.frames.writing import ProductImage
from calibrant.pixels import Combining, Composition
from calibrant.pixels.clipping import ClipRule
from calibrant.pixels.plan import Statistic
from calibrant.verify.inputs import FRAMES


def composition(flat: ProductImage, frame_id: str, level_e: float) -> Composition:
    """Say of which frames a flat was combined, and which of them a frame is.

    Parameters
    ----------
    flat : ProductImage
        The flat, with its inputs, what they were divided by, and its recipe's parameters.
    frame_id : str
        The frame.
    level_e : float
        Electrons of the unit of what they were divided by.

    Returns
    -------
    Composition
        Levels in electrons; none where the flat does not say them of every frame.
    """
    inputs = [one for one in flat.provenance.inputs if one.role == FRAMES]
    ids = [one.id for one in inputs]
    scales = [one.scale for one in inputs if one.scale is not None and one.scale > 0]
    return Composition(
        n_combined=max(len(inputs), 1),
        own=ids.index(frame_id) if frame_id in ids else None,
        how=_combining(flat),
        levels=tuple(scale * level_e for scale in scales) if len(scales) == len(inputs) else (),
    )


def _combining(flat: ProductImage) -> Combining:
    """Return how the frames were combined; what the product does not say is as it is by default."""
    asked: Mapping[str, Any] = flat.provenance.parameters
    rule = ClipRule()
    sigma = asked.get("sigma", rule.sigma_low)
    weights = asked.get("weights")
    return Combining(
        cast("Statistic", flat.statistic),
        ClipRule(
            spread=asked.get("spread", rule.spread),
            sigma_low=asked.get("sigma_low") or sigma,
            sigma_high=asked.get("sigma_high") or sigma,
            iterations=asked.get("iterations", rule.iterations),
        ),
        rejected=asked.get("reject_low", 1) + asked.get("reject_high", 1),
        weights=tuple(weights) if isinstance(weights, Sequence) else (),
    )
