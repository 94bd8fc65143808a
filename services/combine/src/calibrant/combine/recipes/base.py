"""What a recipe is: a named function of pixels and facts, with typed inputs and parameters.

Owns the form of recipes, of what they are given and of what they make. Must not know files, messages or tables.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibrant.bus.errors import PermanentError
from calibrant.combine.recipes.parameters import Parameters
from calibrant.frames.beside import SourceFrame
from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.frames.writing.product import Unit
from calibrant.pixels import Combined, Geometry, Others, Reference, RowSource, Signature, Terms
from calibrant.rules.classification import ImageType


class RecipeRefused(PermanentError):
    """A recipe cannot be followed with these inputs; the text names the input and says what to do."""


@dataclass(frozen=True, slots=True)
class Role:
    """One calibration that a recipe takes.

    Parameters
    ----------
    name : str
        Name of the input.
    kind : str
        Kind of product that fills it.
    required : bool
        Whether the recipe can do without.
    """

    name: str
    kind: str
    required: bool = False


def roles_of(*kinds: str) -> tuple[Role, ...]:
    """Return roles that a recipe can do without, each named as the kind that fills it."""
    return tuple(Role(kind, kind) for kind in kinds)


@dataclass(frozen=True, eq=False, slots=True)
class FrameInput:
    """One raw frame.

    Parameters
    ----------
    name : str
        What to call it in a message: file name and id.
    rows : RowSource
        Its pixels, of the detector's raw shape, in ADU; read as they are needed.
    exptime_s, dark_time_s : float or None
        Exposure and dark time; None where the header does not tell.
    filter : str or None
        Filter; None where the header does not tell.
    image_type : ImageType
        What it is.
    exposure_id, file_name : str
        Its exposure, and its file, as tables of readings may name it.
    begin_tai_ns : int
        Start of the exposure: nanoseconds since 1970-01-01T00:00:00 TAI.
    monitor : float or None
        Light of the exposure that a monitor saw, in its own unit; None where the header does not tell.
    others : callable or None
        What gives the planes of other detectors that were read with it.
    """

    name: str
    rows: RowSource
    exptime_s: float | None
    dark_time_s: float | None
    filter: str | None = None
    image_type: ImageType = ImageType.UNKNOWN
    exposure_id: str = ""
    file_name: str = ""
    begin_tai_ns: int = 0
    monitor: float | None = None
    others: Others | None = None

    def terms(self, *, scale: float | tuple[float, ...] = 1.0, weight: float = 1.0) -> Terms:
        """Return what is its own when it is corrected, with what it is divided by and how much it counts."""
        return Terms(dark_time_s=self.dark_time_s, scale=scale, weight=weight, others=self.others)


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """One calibration product.

    Parameters
    ----------
    product_id : str
        Its id.
    reference : Reference
        Its planes, in the unit of the job.
    per_second : bool
        Whether they are per second of dark time.
    dark_time_s : float or None
        Dark time of the frames it was made of.
    """

    product_id: str
    reference: Reference
    per_second: bool = False
    dark_time_s: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class RecipeInputs:
    """What a recipe is given.

    Parameters
    ----------
    frames : sequence of FrameInput
        Frames of one detector, at least as many as `Parameters.min_inputs`.
    calibrations : mapping of role to Calibration
        Those that there are and that are images.
    geometry : Geometry
        The detector, with the gains in force.
    corrected : Signature
        What is removed from every frame before any calibration; what products that are tables say is in it.
    memory_bytes : int
        What the job may take; 0: no limit.
    tables : mapping of str to ProductTables
        Those products, by kind, for what else they say.
    read_out : Geometry or None
        The detector with its overscans as they were read, nothing skipped; None: as `geometry` has them.
    sources : sequence of SourceFrame
        Frames of other detectors of the same exposures, of a recipe that measures with them.
    """

    frames: Sequence[FrameInput]
    calibrations: Mapping[str, Calibration]
    geometry: Geometry
    corrected: Signature
    memory_bytes: int = 0
    tables: Mapping[str, ProductTables] = field(default_factory=dict)
    read_out: Geometry | None = None
    sources: Sequence[SourceFrame] = ()

    @property
    def whole(self) -> Geometry:
        """The detector with whole overscans."""
        return self.geometry if self.read_out is None else self.read_out


@dataclass(frozen=True, eq=False, slots=True)
class BuiltTables:
    """What a recipe makes that measures its frames, and combines none.

    Parameters
    ----------
    tables : tuple of ProductTable
        The product.
    backend : str
        What computed it.
    used : tuple of str
        Roles of the calibrations that went in.
    """

    tables: tuple[ProductTable, ...]
    backend: str
    used: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Built:
    """What a recipe makes that combines its frames into one image.

    Parameters
    ----------
    combined : Combined
        Data, variance, count and mask.
    unit : str
        Unit of the data.
    per_second : bool
        Whether the data are per second of dark time.
    dark_time_s : float or None
        Dark time that all frames share, of a dark.
    normalisation : str
        ``none``, ``each`` or ``combined``.
    scales : tuple of float
        What each frame was divided by, in the order of the frames.
    used : tuple of str
        Roles of the calibrations that went in.
    tables : tuple of ProductTable
        What it tells beside the image.
    """

    combined: Combined
    unit: Unit
    scales: tuple[float, ...]
    per_second: bool = False
    dark_time_s: float | None = None
    normalisation: str = "none"
    used: tuple[str, ...] = ()
    tables: tuple[ProductTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe.

    Parameters
    ----------
    name : str
        Its name: also the kind of product it makes.
    version : str
        Raised whenever the same inputs would give another result.
    summary : str
        What it does, in one line.
    image_type : ImageType
        Frames it is made of.
    roles : tuple of Role
        Calibrations it takes.
    parameters : type of Parameters
        Its parameters, with defaults, units and descriptions.
    by_filter : bool
        Whether all frames must be of one filter, which the product is of then.
    compute : callable
        ``compute(inputs, parameters) -> Built``, or ``BuiltTables``; pure.
    beside : tuple of ImageType
        Further types of frames that it is made of.
    without : tuple of str
        Switches of `Choices` that are off, whatever is asked for: what it measures is not corrected before.
    between_detectors : bool
        Whether it measures with frames of the other detectors of the same exposures.
    """

    name: str
    version: str
    summary: str
    image_type: ImageType
    roles: tuple[Role, ...]
    parameters: type[Parameters]
    compute: Callable[[RecipeInputs, Any], Built | BuiltTables]
    by_filter: bool = False
    beside: tuple[ImageType, ...] = ()
    without: tuple[str, ...] = ()
    between_detectors: bool = False

    @property
    def takes_sources(self) -> bool:
        """Whether frames of other detectors may be given: it measures with them, or takes out what they leak."""
        return self.between_detectors or any(role.kind == "crosstalk" for role in self.roles)

    @property
    def image_types(self) -> tuple[ImageType, ...]:
        """All types of frames that it is made of."""
        return (self.image_type, *self.beside)
