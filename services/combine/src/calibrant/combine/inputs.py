"""The inputs of a combine job, checked: instrument, frames, calibrations. Must not know recipes' insides."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from calibrant.bus.errors import PermanentError
from calibrant.combine.open_files import allow_for
from calibrant.combine.recipes.base import Calibration, FrameInput, Recipe
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames import correcting
from calibrant.frames.instrument import Instrument, InstrumentError, instrument_in_force
from calibrant.frames.measured import MEASURED, gain_ratio
from calibrant.frames.reading import FrameRejected, OpenFrame, open_frames
from calibrant.frames.reading.identity import frame_id
from calibrant.frames.writing import (
    ProductHead,
    ProductImage,
    ProductTables,
    ProductUnreadableError,
    read_product,
    read_product_tables,
)
from calibrant.pixels import Geometry, Reference, Signature
from calibrant.pixels.threads import side_by_side, thread_count
from calibrant.rules.candidates import UNITLESS
from calibrant.runtime.handlers import Workspace

Read = TypeVar("Read", bound=ProductHead)

FRAMES = "frames"
SOURCES = "sources"
"""Role of frames of other detectors, which may leak into those that are measured or corrected."""

DEFECTS = "defects"
"""Role of a mask of defects, which is joined to what is masked in every frame."""


class InputRefused(PermanentError):
    """An input of a job is missing, of another kind, or does not fit; the text names it."""


@dataclass(frozen=True, eq=False, slots=True)
class JobFrame:
    """A frame of a job: how the job names it, and what its file holds, which stays open."""

    input: JobInput
    opened: OpenFrame

    @property
    def file_name(self) -> str:
        """The file's name, as people know it."""
        return self.opened.file_name

    @property
    def recipe_input(self) -> FrameInput:
        """The frame as a recipe wants it."""
        facts = self.opened.facts
        name = f"{self.file_name} (frame {self.input.id})"
        return FrameInput(
            name=name,
            rows=self.opened.rows,
            exptime_s=facts.exptime_s,
            dark_time_s=facts.dark_time_s,
            filter=facts.filter,
            image_type=facts.image_type,
            exposure_id=facts.exposure_id,
            file_name=self.file_name,
            begin_tai_ns=facts.begin_tai_ns,
            monitor=facts.monitor,
        )


def instrument_of(job: CombineJob, workspace: Workspace) -> Instrument:
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


def load_frames(
    job: CombineJob, recipe: Recipe, instrument: Instrument, workspace: Workspace, opened: ExitStack
) -> list[JobFrame]:
    """Open and check the frames of a job, ordered by begin and then id.

    Their files and pixels are hashed, several frames at once, but kept in no memory: rows are read when they are
    combined. What is compressed is unpacked into the scratch folder.

    Parameters
    ----------
    job, recipe, instrument
        What they are for.
    workspace : Workspace
        Where files are.
    opened : ExitStack
        What closes them.

    Raises
    ------
    InputRefused
        One is damaged, of another type or detector, or given twice; or filters differ where they may not.
    TooManyFiles
        A process may not have that many open here.
    """
    inputs = [one for one in job.inputs if one.role == FRAMES]
    twice = {one.id for one in inputs if sum(one.id == other.id for other in inputs) > 1}
    if twice:
        raise InputRefused(f"frame {min(twice)} is given twice; give each frame once")
    load = partial(
        _load_frame, job=job, recipe=recipe, instrument=instrument, workspace=workspace, opened=opened
    )
    allow_for(len(inputs))
    frames = side_by_side(load, inputs, thread_count(None))
    if recipe.by_filter:
        _check_filters(job, frames)
    return sorted(frames, key=lambda frame: (frame.opened.facts.begin_tai_ns, frame.input.id))


def inputs_by_role(job: CombineJob, recipe: Recipe) -> dict[str, JobInput]:
    """Return the calibrations of a job, by role.

    Raises
    ------
    InputRefused
        A required one is missing, or one has no role here.
    """
    by_role: dict[str, JobInput] = {}
    roles = {role.name for role in recipe.roles}
    for one in job.inputs:
        if one.role == FRAMES or (one.role == SOURCES and recipe.takes_sources):
            continue
        if one.role not in roles or one.role in by_role:
            takes = ", ".join(role.name for role in recipe.roles) or "none"
            why = "already has one" if one.role in by_role else f"takes {takes}"
            raise InputRefused(f"{one.id}: recipe {recipe.name} {why}: no input of role {one.role!r} fits")
        by_role[one.role] = one
    missing = [role.name for role in recipe.roles if role.required and role.name not in by_role]
    if missing:
        raise InputRefused(f"recipe {recipe.name} needs a {missing[0]}; there is none")
    return by_role


def load_measured(job: CombineJob, recipe: Recipe, workspace: Workspace) -> dict[str, ProductTables]:
    """Read the calibrations of a job that are tables and say how frames are corrected, by kind.

    Raises
    ------
    InputRefused
        One does not fit by kind or detector.
    """
    kinds = {role.name: role.kind for role in recipe.roles}
    found = {}
    for name, one in inputs_by_role(job, recipe).items():
        if kinds[name] in MEASURED:
            found[kinds[name]] = product = _load_product(one, workspace, read_product_tables)
            _check_whose(product, kinds[name], job)
    return found


def load_calibrations(
    job: CombineJob, recipe: Recipe, geometry: Geometry, unit: str, workspace: Workspace
) -> dict[str, Calibration]:
    """Read the calibrations of a job that are images, by role.

    Parameters
    ----------
    job, recipe
        What they are for.
    geometry : Geometry
        The detector, with the gains in force: one in electrons by others is made one in these.
    unit : str
        The unit that the job works in.
    workspace : Workspace
        Where files are.

    Raises
    ------
    InputRefused
        A required one is missing, one has no role here, or does not fit by kind, detector, unit or shape.
    """
    kinds = {role.name: role.kind for role in recipe.roles}
    found = {}
    for name, one in inputs_by_role(job, recipe).items():
        if kinds[name] in MEASURED:
            continue
        product = _load_product(one, workspace, read_product)
        check_product(product, kinds[name], job, unit, geometry.shape)
        found[name] = Calibration(
            product_id=one.id,
            reference=_reference(product, geometry),
            per_second=product.per_second,
            dark_time_s=product.dark_time_s,
        )
    return found


def _reference(product: ProductImage, geometry: Geometry) -> Reference:
    ratio = gain_ratio(product, geometry) if product.unit.startswith("electron") else None
    if ratio is None:
        return Reference(product.data, product.variance, product.mask)
    return Reference(product.data * ratio, product.variance * ratio**2, product.mask)


def with_defects(corrected: Signature, calibrations: Mapping[str, Calibration]) -> Signature:
    """Join a mask of defects, where a job has one, to what is masked in every frame."""
    defects = calibrations.get(DEFECTS)
    mask = None if defects is None else defects.reference.mask
    return corrected if mask is None else correcting.with_defects(corrected, mask)


def check_product(
    product: ProductImage, kind: str, job: CombineJob, unit: str, shape: tuple[int, int]
) -> None:
    """Check that a product fits a job by kind, instrument, detector, unit and shape.

    Raises
    ------
    InputRefused
        It does not; the text says what both sides have.
    """
    name = product.provenance.product_id
    wanted_unit = f"{unit}/s" if product.per_second else unit
    _check_whose(product, kind, job)
    if kind not in UNITLESS and product.unit != wanted_unit:
        raise InputRefused(
            f"{name}: is in {product.unit or 'no unit'}, but the job works in {unit}; give --unit "
            f"{product.unit.partition('/')[0] or unit}, or build it again in {unit}"
        )
    if product.data.shape != shape:
        raise InputRefused(
            f"{name}: is {product.data.shape} (rows, columns), but detector {job.detector} of {job.instrument} is "
            f"{shape}; build it again with the instrument description in force"
        )


def _check_whose(product: ProductHead, kind: str, job: CombineJob) -> None:
    for what, found, wanted in [
        ("kind", product.kind, kind),
        ("instrument", product.instrument, job.instrument),
        ("detector", product.detector, job.detector),
    ]:
        if found != wanted:
            raise InputRefused(
                f"{product.provenance.product_id}: its {what} is {found}, but the job needs {wanted}"
            )


def _load_frame(
    one: JobInput,
    *,
    job: CombineJob,
    recipe: Recipe,
    instrument: Instrument,
    workspace: Workspace,
    opened: ExitStack,
) -> JobFrame:
    path = workspace.objects.local_path(one.ref)
    name = one.file_name or path.name
    file = open_frames(
        path, instrument, workspace.scratch, file_name=name, detector=job.detector, unpack=True
    )
    try:
        frames = opened.enter_context(file)
        if not frames:
            raise InputRefused(f"{name}: holds no frame of detector {job.detector}, which the job combines")
        _check_frame(one, frames[0], recipe)
    except FrameRejected as refusal:
        raise InputRefused(f"frame {one.id}: {refusal}") from refusal
    return JobFrame(one, frames[0])


def _check_frame(one: JobInput, frame: OpenFrame, recipe: Recipe) -> None:
    """Check that a frame is the one that the job names, by its content, and of the type that is combined."""
    found = frame.facts.image_type
    if found not in recipe.image_types:
        raise InputRefused(
            f"{frame.file_name}: its type is {found}, but the job combines type {' and '.join(recipe.image_types)}"
        )
    held = frame_id(frame.content_sha256(), frame.detector)
    if held != one.id:
        raise InputRefused(f"{frame.file_name}: holds frame {held}, not {one.id}; ingest it again")


def _check_filters(job: CombineJob, frames: list[JobFrame]) -> None:
    wanted = job.filter if job.filter is not None else frames[0].opened.facts.filter
    for frame in frames:
        found = frame.opened.facts.filter
        if found != wanted:
            raise InputRefused(
                f"{frame.file_name}: its filter is {found or 'none'}, but the job combines frames of filter "
                f"{wanted or 'none'}; one {job.recipe} is of one filter"
            )


def _load_product(one: JobInput, workspace: Workspace, read: Callable[[Path], Read]) -> Read:
    try:
        product = read(workspace.objects.local_path(one.ref))
    except ProductUnreadableError as problem:
        raise InputRefused(f"{one.id}: {problem}") from problem
    if product.provenance.product_id != one.id:
        raise InputRefused(f"{one.id}: its file holds {product.provenance.product_id}; give the right file")
    return product
