"""The inputs of a measure job, read and checked: instrument, products, frames. Must not know what is measured."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import DataRef, JobInput
from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames.beside import open_source, others_of, source_frame
from calibrant.frames.correcting import Choices
from calibrant.frames.instrument import Instrument, InstrumentError, instrument_in_force
from calibrant.frames.measured import MEASURED
from calibrant.frames.reading import OpenFrame, open_frames
from calibrant.frames.reading.identity import frame_id
from calibrant.frames.writing import (
    ProductHead,
    ProductImage,
    ProductTables,
    ProductUnreadableError,
    read_product,
    read_product_tables,
)
from calibrant.pixels import Others
from calibrant.rules.version import verification_version
from calibrant.runtime.handlers import Workspace

FRAMES = "frames"
SOURCES = "sources"
"""Role of frames of other detectors, which leak into those that are measured."""
SUBTRACTED = ("bias", "dark")
DEFECTS = "defects"
TYPES: Mapping[str, tuple[str, ...]] = {DEFECTS: ("dark", "flat", "bias")}
"""Types of the frames that verify a kind, where they are not of the kind's own name."""


Read = TypeVar("Read", bound=ProductHead)


class InputRefused(PermanentError):
    """An input of a job is missing, of another kind, or does not fit; the text names it."""


class VersionMismatch(PermanentError):
    """The job was planned for another version of the pixel engine or of the rules than this worker has."""


@dataclass(frozen=True, eq=False, slots=True)
class Products:
    """The product verified, and those that are removed before.

    Parameters
    ----------
    verified : ProductImage
        The product verified.
    bias, dark, flat : ProductImage or None
        What is removed from a frame, the verified one among them.
    defects : ProductImage or None
        What is masked in a frame beside the instrument file's defects; not the one verified.
    measured : mapping of str to ProductTables
        What says how frames are corrected, by kind.
    """

    verified: ProductImage
    bias: ProductImage | None
    dark: ProductImage | None
    flat: ProductImage | None
    defects: ProductImage | None = None
    measured: Mapping[str, ProductTables] = field(default_factory=dict)

    @property
    def frame_ids(self) -> frozenset[str]:
        """Frames that the product verified is made of."""
        inputs = self.verified.provenance.inputs
        return frozenset(one.id for one in inputs if one.role == FRAMES)


def check_version(what: str, planned: str, here: str) -> None:
    """Make sure that a job was planned for the version that this worker has.

    Raises
    ------
    VersionMismatch
        It was not.
    """
    if planned != here:
        raise VersionMismatch(
            f"the job was planned for version {planned[:12]} of {what}, but this worker has {here[:12]}; run workers "
            "and sequencer of one release, and plan again"
        )


def check_rules(planned: str) -> None:
    """Make sure that a job was planned for the tests, limits and thresholds that this worker has.

    Raises
    ------
    VersionMismatch
        It was not.
    """
    check_version("the verification rules", planned, verification_version())


def instrument_of(job: MeasureJob, workspace: Workspace) -> Instrument:
    """Return the job's instrument, from the user's own folder or as it ships.

    Raises
    ------
    InputRefused
        It is unknown, wrong, or not the description that the job was planned with.
    """
    folder = Path(workspace.config["instruments"])
    try:
        return instrument_in_force(
            job.instrument, folder, detector=job.detector, planned_hash=job.instrument_hash
        )
    except InstrumentError as problem:
        raise InputRefused(f"instrument {problem}") from problem


def load_products(job: MeasureJob, instrument: Instrument, workspace: Workspace) -> Products:
    """Read the product verified and the other calibrations of a job.

    Raises
    ------
    InputRefused
        One is damaged, given for a role that has no use here, or of another kind, detector or shape.
    """
    verified = _load(job.reference.product_id, job.reference.ref, job.kind, job, workspace)
    found = {job.kind: verified}
    measured: dict[str, ProductTables] = {}
    for one in _others(job):
        if one.role in MEASURED:
            measured[one.role] = _checked(one.id, one.ref, one.role, job, workspace, read_product_tables)
        else:
            found[one.role] = _load(one.id, one.ref, one.role, job, workspace)
    shape = instrument.geometry(job.detector).shape
    for role, product in found.items():
        if product.data.shape != shape:
            raise InputRefused(
                f"{product.provenance.product_id}: the {role} is {product.data.shape} (rows, columns), but detector "
                f"{job.detector} of {job.instrument} is {shape}; build it again with the description in force"
            )
    masked = None if job.kind == DEFECTS else found.get(DEFECTS)
    return Products(verified, found.get("bias"), found.get("dark"), found.get("flat"), masked, measured)


def _others(job: MeasureJob) -> Iterator[JobInput]:
    """Yield the calibrations beside the one verified, and make sure that each has a use."""
    known = {job.kind}
    roles = (*SUBTRACTED, "flat" if job.kind == DEFECTS else DEFECTS, *MEASURED)
    for one in job.inputs:
        if one.role in {FRAMES, SOURCES} or (one.role == job.kind and one.id == job.reference.product_id):
            continue
        if one.role not in roles or one.role in known:
            raise InputRefused(
                f"{one.id}: verifying a {job.kind} has no use for this input of role {one.role!r}"
            )
        known.add(one.role)
        yield one


@contextmanager
def open_frame(
    one: JobInput, job: MeasureJob, instrument: Instrument, workspace: Workspace, *, hold: bool = True
) -> Iterator[OpenFrame]:
    """Open one frame of a job, and make sure that it is the one that the job names.

    Parameters
    ----------
    one : JobInput
        The frame.
    job, instrument, workspace
        Whose it is, and where it lies.
    hold : bool
        Whether the numbers of its pixels are held in memory, to be measured in several passes; else rows are read when
        they are asked for.

    Raises
    ------
    InputRefused
        Its file holds no such frame, or one of another detector or type.
    FrameRejected, PermanentError
        Its file is refused, damaged or missing.
    """
    path, name = workspace.objects.local_path(one.ref), file_name_of(one)
    file = open_frames(
        path, instrument, workspace.scratch, file_name=name, detector=job.detector, unpack=not hold
    )
    with file as frames:
        if not frames:
            raise InputRefused(f"{name}: holds no frame of detector {job.detector}, which the job measures")
        frame = frames[0].held() if hold else frames[0]
        found_id = frame_id(frame.content_sha256(), frame.detector)
        if found_id != one.id:
            raise InputRefused(f"{name}: holds frame {found_id}, not {one.id}; ingest it again")
        found = frame.facts.image_type.value
        if found not in TYPES.get(job.kind, (job.kind,)):
            raise InputRefused(f"{name}: its type is {found}, but the job measures {job.kind}")
        yield frame


@contextmanager
def opened_beside(
    one: JobInput,
    job: MeasureJob,
    instrument: Instrument,
    workspace: Workspace,
    *,
    choices: Choices,
    detectors: Collection[int],
) -> Iterator[Others]:
    """Open the frames of other detectors that were read with one of a job's, and give what gives their planes.

    Parameters
    ----------
    one : JobInput
        The frame.
    job, instrument, workspace
        Whose it is, and where it lies.
    choices : Choices
        How frames are corrected.
    detectors : collection of int
        Those that are taken out of it; where there are none, nothing is opened.

    Raises
    ------
    ValueError
        One is of no detector that may leak into the job's, or does not fit its own.
    FrameRejected, PermanentError
        Its file is refused, damaged or missing.
    """
    sources = [each for each in job.inputs if each.role == SOURCES and each.exposure_id == one.exposure_id]
    with ExitStack() as opened:
        found = []
        for each in sources if detectors else ():
            path, name = workspace.objects.local_path(each.ref), file_name_of(each)
            source = open_source(
                path, instrument, workspace.scratch, named=each.id, detector=job.detector, file_name=name
            )
            found.append(source_frame(opened.enter_context(source), instrument, choices, "adu", name))
        yield others_of(found, one.exposure_id or "", detectors)


def file_name_of(one: JobInput) -> str:
    """Return the name of a frame's file as a person knows it."""
    return one.file_name or Path(one.ref.uri.partition(":")[2]).name


def load_tables(job: MeasureJob, workspace: Workspace) -> ProductTables:
    """Read the product verified, which is tables.

    Raises
    ------
    InputRefused
        It is damaged, or of another kind or detector.
    """
    return _checked(
        job.reference.product_id, job.reference.ref, job.kind, job, workspace, read_product_tables
    )


def _load(product_id: str, ref: DataRef, kind: str, job: MeasureJob, workspace: Workspace) -> ProductImage:
    return _checked(product_id, ref, kind, job, workspace, read_product)


def _checked(  # noqa: PLR0917 - what is read, and what it must be
    product_id: str,
    ref: DataRef,
    kind: str,
    job: MeasureJob,
    workspace: Workspace,
    read: Callable[[Path], Read],
) -> Read:
    try:
        product = read(workspace.objects.local_path(ref))
    except ProductUnreadableError as problem:
        raise InputRefused(f"{product_id}: {problem}") from problem
    for what, found, wanted in [
        ("id", product.provenance.product_id, product_id),
        ("kind", product.kind, kind),
        ("instrument", product.instrument, job.instrument),
        ("detector", product.detector, job.detector),
    ]:
        if found != wanted:
            raise InputRefused(f"{product_id}: its {what} is {found}, but the job needs {wanted}")
    return product
