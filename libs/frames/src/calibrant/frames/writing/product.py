"""Owns what a product file holds, as plain values; must not know FITS, nor how products are computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing.product_table import ProductTable
from calibrant.pixels.mask import Mask

Parameter = str | int | float | bool | Sequence[float] | Mapping[str, float] | None
Unit = Literal["electron", "adu", "electron/s", "adu/s", ""]

_MOST_AMPLIFIERS = 99


@dataclass(frozen=True, slots=True)
class ProductInput:
    """One input of a product.

    Parameters
    ----------
    role : str
        What it was used as: ``frames``, ``bias``, ``dark``, ``flat``.
    id : str
        Id of the frame or product.
    sha256 : str
        Hash of its content.
    file_name : str or None
        Name of its file as it was given; not empty.
    exposure_id : str or None
        Exposure it is of; not empty.
    begin_tai_ns : int or None
        Start of that exposure: nanoseconds since 1970-01-01T00:00:00 TAI.
    exptime_s, dark_time_s : float or None
        Exposure and dark time.
    scale : float or None
        What it was divided by: its dark time in s, its level, or 1.
    """

    role: str
    id: str
    sha256: str
    file_name: str | None = None
    exposure_id: str | None = None
    begin_tai_ns: int | None = None
    exptime_s: float | None = None
    dark_time_s: float | None = None
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class ProductAmplifier:
    """The numbers of an amplifier that a product was made with: the nominal ones, or those of a product.

    Parameters
    ----------
    name : str
        Its name.
    gain_e_per_adu : float
        Gain [electron/ADU].
    read_noise_e : float
        Read noise [electron].
    """

    name: str
    gain_e_per_adu: float
    read_noise_e: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a product came about; everything that determines it, and nothing that does not.

    Parameters
    ----------
    product_id, job_id : str
        Ids; the job's is the hash of all that follows.
    recipe, recipe_version, engine_version : str
        What computed it.
    instrument_hash : str
        Hash of the instrument description in force.
    inputs : tuple of ProductInput
        Every input, in order.
    parameters : mapping
        Every parameter of the recipe, by name, with the value used.
    """

    product_id: str
    job_id: str
    recipe: str
    recipe_version: str
    engine_version: str
    instrument_hash: str
    inputs: tuple[ProductInput, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ProductHead:
    """What every product says of itself, whatever it holds.

    Parameters
    ----------
    kind : str
        ``bias``, ``dark``, ``flat``, ``ptc``.
    instrument : str
        Instrument name.
    detector : int
        Detector number.
    detector_name : str
        Detector name.
    provenance : Provenance
        How it came about.
    begin_tai_ns, end_tai_ns : int
        Start of the first and end of the last exposure: nanoseconds since 1970-01-01T00:00:00 TAI.
    filter : str or None
        Filter of the set.
    overscan : str
        How the inputs' electronic level was taken away: the method, ``none`` if it was not.
    parallel_overscan : str
        How what was left then in the parallel overscan was: the method, ``none`` if it was not.
    linearity : bool
        Whether signals were made linear.
    defects : int
        Pixels that the instrument file names as defects and that were masked.
    idle : frozenset of str
        Roles of products among the inputs that had nothing to correct.
    between : bool
        Whether what other detectors leak was taken out of every frame, as the crosstalk product tells it.
    amplifiers : tuple of ProductAmplifier
        The detector's amplifiers, 99 at most.
    tables : tuple of ProductTable
        What it holds as tables, of different names.

    Raises
    ------
    ValueError
        If there are more than 99 amplifiers, or two tables have one name.
    """

    kind: str
    instrument: str
    detector: int
    detector_name: str
    provenance: Provenance
    begin_tai_ns: int
    end_tai_ns: int
    filter: str | None = None
    overscan: str = "none"
    parallel_overscan: str = "none"
    linearity: bool = False
    defects: int = 0
    idle: frozenset[str] = frozenset()
    between: bool = False
    amplifiers: tuple[ProductAmplifier, ...] = ()
    tables: tuple[ProductTable, ...] = ()

    @property
    def read_noise_e(self) -> float | None:
        """Mean of the amplifiers' read noises [electron]; None where they are not known."""
        noises = [amplifier.read_noise_e for amplifier in self.amplifiers]
        return sum(noises) / len(noises) if noises else None

    def table(self, name: str) -> ProductTable:
        """Return one of its tables.

        Raises
        ------
        KeyError
            If there is none of that name; it says which there are.
        """
        for table in self.tables:
            if table.name == name:
                return table
        known = ", ".join(table.name for table in self.tables) or "none"
        raise KeyError(f"{self.provenance.product_id} has no table {name}; it has {known}")

    def __post_init__(self) -> None:
        if len(self.amplifiers) > _MOST_AMPLIFIERS:
            raise ValueError(
                f"{len(self.amplifiers)} amplifiers, but the cards GAINn and RDNOISn have room for {_MOST_AMPLIFIERS}"
            )
        names = [table.name for table in self.tables]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two tables are called {min(twice)}; a product has each name once")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ProductTables(ProductHead):
    """A calibration that is tables alone: numbers by amplifier, pair, exposure; no image.

    Raises
    ------
    ValueError
        If there is no table.
    """

    def __post_init__(self) -> None:
        ProductHead.__post_init__(self)
        if not self.tables:
            raise ValueError(f"a {self.kind} without a table says nothing; give one at least")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ProductImage(ProductHead):
    """A calibration image with its variance, mask and counts.

    Parameters
    ----------
    unit : str
        Unit of ``data``: ``electron``, ``adu``, either per second, or empty for a relative response.
    data : ndarray
        (ny, nx) float32, or float64, which is kept.
    variance : ndarray
        (ny, nx) float32, in the square of ``unit``.
    mask : ndarray
        (ny, nx) uint32, bits 0 to 30.
    count : ndarray
        (ny, nx) integers: frames that entered each pixel.
    statistic : str
        ``clipped-mean``, ``median``, ``mean``, ``minmax-mean`` or ``weighted-mean``.
    exptime_s, dark_time_s : float or None
        Exposure and dark time of one frame of the set; None where it does not apply.
    per_second : bool
        Whether ``data`` are per second of dark time.
    normalisation : str
        How it was normalised, ``none`` if it was not.

    Raises
    ------
    ValueError
        If a plane has another shape than ``data``, or the mask uses bit 31.
    """

    unit: Unit
    data: NDArray[np.floating]
    variance: NDArray[np.floating]
    mask: NDArray[np.uint32]
    count: NDArray[np.integer]
    statistic: str
    exptime_s: float | None = None
    dark_time_s: float | None = None
    per_second: bool = False
    normalisation: str = "none"

    @property
    def bad_fraction(self) -> float:
        """Fraction of the pixels that are BAD: defects, and where no sample was good."""
        return float(np.count_nonzero(self.mask & np.uint32(Mask.BAD)) / self.mask.size)

    def __post_init__(self) -> None:
        ProductHead.__post_init__(self)
        for name in ("variance", "mask", "count"):
            shape = getattr(self, name).shape
            if shape != self.data.shape:
                raise ValueError(
                    f"{name} is {shape} but data is {self.data.shape}; all planes have one shape"
                )
        if self.mask.size and int(self.mask.max()) >> 31:
            raise ValueError("bit 31 of the mask is set; a FITS plane of 32 bits holds bits 0 to 30")
