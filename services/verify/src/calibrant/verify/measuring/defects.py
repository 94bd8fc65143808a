"""A frame with a mask of defects and without it: the numbers that its tests judge. Must not know files or verdicts."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels import Mask, Signature, Step, Terms, defect_statistics, frame_statistics
from calibrant.pixels.defect_statistics import DEFECTS
from calibrant.pixels.defects import regions_of
from calibrant.pixels.rows import RowSource
from calibrant.verify.measuring.amplifiers import Values, defect_values
from calibrant.verify.measuring.references import COSMIC_RAYS, Correction
from calibrant.verify.reports import RegionRecord

MOST_REGIONS: Final = 10_000
"""So many can be told from one another in a figure, and a report is not mostly these."""


def values_with_and_without(
    rows: RowSource, correction: Correction, terms: Terms, defects: NDArray[np.uint32], *, dark: bool
) -> dict[str, Values]:
    """Give an amplifier's numbers without its defects and with them, by its name.

    Parameters
    ----------
    rows : RowSource
        The raw frame.
    correction : Correction
        How it is corrected.
    terms : Terms
        What is the frame's own.
    defects : ndarray
        The mask that is verified, of the product's shape.
    dark : bool
        Whether the frame has no light: then it is searched for cosmic rays with the mask and without it, too, since a
        hot pixel that no mask marks is as sharp as one.
    """
    found = defect_statistics(rows, correction.geometry, correction.signature, terms, defects)
    values = {name: defect_values(one) for name, one in found.items()}
    if dark:
        before = _struck(rows, correction, terms, correction.signature)
        after = _struck(rows, correction, terms, _without(correction.signature, defects))
        for name, numbers in values.items():
            numbers |= {"NUM_COSMICS_BEFORE": before[name], "NUM_COSMICS_AFTER": after[name]}
    return values


def regions_told(mask: NDArray[np.uint32]) -> tuple[RegionRecord, ...]:
    """Give the regions of a mask for a report, the largest first."""
    largest = sorted(regions_of(mask), key=lambda region: -region.box.area)
    return tuple(RegionRecord(**region.box._asdict(), bits=region.bits) for region in largest[:MOST_REGIONS])


def _without(signature: Signature, defects: NDArray[np.uint32]) -> Signature:
    """Return a signature that leaves out the defects that are marked, beside those that it knows."""
    marked = np.where((defects & np.uint32(DEFECTS)) != 0, np.uint32(Mask.BAD), np.uint32(0))
    return replace(signature, defects=marked if signature.defects is None else signature.defects | marked)


def _struck(rows: RowSource, correction: Correction, terms: Terms, signature: Signature) -> dict[str, float]:
    """Count the pixels that look struck by cosmic rays, by amplifier."""
    searching = replace(signature, barriers={**signature.barriers, Step.COSMIC_RAYS: COSMIC_RAYS})
    found = frame_statistics(rows, correction.geometry, searching, terms)
    return {name: float(one.n_struck) for name, one in found.cosmic_rays.items()}
