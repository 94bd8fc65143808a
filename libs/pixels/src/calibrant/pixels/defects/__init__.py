"""Defects: which pixels of a detector are not to be used, found in images of darkness and of even light.

This package owns the search, the filling of columns, the merging, and the table of regions. It must not know files,
frames or recipes: images reach it as planes, a detector as a :class:`calibrant.pixels.Geometry`.
"""

from calibrant.pixels.defects.columns import (
    Filling,
    beside_saturated,
    edges,
    fill_columns,
    longest_runs,
)
from calibrant.pixels.defects.finding import AmplifierSearch, Found, Search, Unsearched, find_defects
from calibrant.pixels.defects.merging import FRACTION, DefectCounts, Votes, any_of, count_defects
from calibrant.pixels.defects.regions import Region, mask_of, regions_of
from calibrant.pixels.defects.thresholds import (
    Bounds,
    Cosmetic,
    ImageKind,
    Searched,
    Sigmas,
    Thresholds,
    Values,
)
from calibrant.pixels.defects.vampires import Vampires, find_vampires
from calibrant.pixels.smooth import levelled

__all__ = [
    "FRACTION",
    "AmplifierSearch",
    "Bounds",
    "Cosmetic",
    "DefectCounts",
    "Filling",
    "Found",
    "ImageKind",
    "Region",
    "Search",
    "Searched",
    "Sigmas",
    "Thresholds",
    "Unsearched",
    "Values",
    "Vampires",
    "Votes",
    "any_of",
    "beside_saturated",
    "count_defects",
    "edges",
    "fill_columns",
    "find_defects",
    "find_vampires",
    "levelled",
    "longest_runs",
    "mask_of",
    "regions_of",
]
