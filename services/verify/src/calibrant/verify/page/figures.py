"""Which figure a kind of calibration has that is tables: one module a kind draws it, and is named here.

Must not know HTML.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from calibrant.verify.page import analyses
from calibrant.verify.page.brighter_fatter import BRIGHTER_FATTER
from calibrant.verify.page.crosstalk import CROSSTALK
from calibrant.verify.page.cti import CTI
from calibrant.verify.page.kind_figure import KindFigure
from calibrant.verify.page.linearity import FIGURE as LINEARITY
from calibrant.verify.page.transfer import TRANSFER

FIGURES: Final[Mapping[str, KindFigure]] = MappingProxyType(
    {
        "crosstalk": CROSSTALK,
        "linearity": LINEARITY,
        "cti": CTI,
        "ptc": TRANSFER,
        "gain": TRANSFER,
        "bfk": BRIGHTER_FATTER,
    }
    | analyses.FIGURES
)
"""By kind; of the series that ``measuring/KIND.py`` puts into a report."""
