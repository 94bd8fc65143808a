"""Building a product: the half of a combine job that runs in a child process. Must not know tables or the bus."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict

from calibrant.bus.errors import PermanentError
from calibrant.combine.inputs import (
    FRAMES,
    InputRefused,
    JobFrame,
    instrument_of,
    load_calibrations,
    load_frames,
)
from calibrant.combine.recipes import find_recipe, parse_parameters
from calibrant.combine.recipes.base import Built, Parameters, Recipe, RecipeInputs
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import DataRef, JobInput, Product, TaiTime, TimeRange
from calibrant.frames.correcting import correction
from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import FrameRejected
from calibrant.frames.times import NS_PER_S
from calibrant.frames.writing import ProductAmplifier, ProductImage, ProductInput, Provenance, write_product
from calibrant.pixels import ENGINE_VERSION, Geometry, Signature
from calibrant.rules.association import TIME_TOLERANCE_S
from calibrant.rules.identity import product_id
from calibrant.runtime.handlers import Artifact, Outcome, Workspace

ARTIFACT = "product"


class VersionMismatch(PermanentError):
    """The job was planned for another version of a recipe or of the engine than this worker has."""


class InputRecord(BaseModel):
    """What is recorded of one input of a product, here and in its file.

    Parameters
    ----------
    role, id, sha256 : str
        As in the job.
    exposure_id, file_name : str or None
        Of a frame.
    begin_tai_ns, exptime_s, dark_time_s
        Of a frame: start (TAI ns), exposure and dark time (s).
    scale : float or None
        What the frame was divided by: its dark time (s) or its level.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    id: str
    sha256: str
    exposure_id: str | None = None
    file_name: str | None = None
    begin_tai_ns: int | None = None
    exptime_s: float | None = None
    dark_time_s: float | None = None
    scale: float | None = None


class ProductFacts(BaseModel):
    """What a computation says of the product it made, all but where its file went."""

    model_config = ConfigDict(frozen=True)

    product_id: str
    unit: str
    filter: str | None
    dark_time_s: float | None
    per_second: bool
    begin_tai_ns: int
    end_tai_ns: int
    read_noise_e: float
    parameters: dict[str, str | int | float | bool | tuple[float, ...] | None]
    inputs: tuple[InputRecord, ...]

    @property
    def frames(self) -> tuple[InputRecord, ...]:
        """The frames combined."""
        return tuple(one for one in self.inputs if one.role == FRAMES)

    @property
    def calibrations(self) -> tuple[str, ...]:
        """Ids of the products that went in."""
        return tuple(one.id for one in self.inputs if one.role != FRAMES)

    def message(self, job: CombineJob, ref: DataRef) -> Product:
        """Return the product as the contract has it."""
        return Product(
            product_id=self.product_id,
            kind=job.recipe,
            instrument=job.instrument,
            detector=job.detector,
            ref=ref,
            unit=self.unit,
            filter=self.filter,
            dark_time_s=self.dark_time_s,
            per_second=self.per_second,
            inputs=len(self.frames),
            observed=TimeRange(
                begin=TaiTime.from_ns(self.begin_tai_ns), end=TaiTime.from_ns(self.end_tai_ns)
            ),
            read_noise_e=self.read_noise_e,
            calibrations=self.calibrations,
        )


def compute(job: CombineJob, workspace: Workspace) -> Outcome:
    """Build the product of a job.

    Parameters
    ----------
    job : CombineJob
        What to build of what.
    workspace : Workspace
        Where inputs are and the product goes.

    Returns
    -------
    Outcome
        The artifact ``product``, under ``products/``, and its `ProductFacts`. The same bytes for the same job.

    Raises
    ------
    PermanentError
        Versions differ, an input is missing or does not fit, there are too few frames, or the recipe cannot be
        followed; the text says which and what to do.
    """
    recipe = find_recipe(job.recipe)
    _check_versions(job, recipe)
    instrument = instrument_of(job, workspace)
    parameters = parse_parameters(recipe, job.parameters)
    _check_number(job, recipe, parameters)
    geometry, corrected = _correction(job, instrument, parameters)
    parameters = parameters.settled(instrument)
    with ExitStack() as opened:
        frames = load_frames(job, recipe, instrument, workspace, opened)
        calibrations = load_calibrations(job, recipe, instrument, parameters.unit, workspace)
        inputs = RecipeInputs(
            frames=[frame.recipe_input for frame in frames],
            calibrations=calibrations,
            geometry=geometry,
            corrected=corrected,
            memory_bytes=job.memory_bytes,
        )
        built = _built(recipe, inputs, parameters)
    facts = _facts(job, instrument, parameters, frames, built)
    image = _image(job, instrument, facts, frames, built)
    image = replace(image, linearity=bool(corrected.linearity), defects=_marked(corrected))
    write_product(workspace.scratch / "product.fits", image)
    artifact = Artifact(name=ARTIFACT, path="product.fits", prefix="products", media_type="image/fits")
    rows, columns = geometry.raw_shape
    return Outcome(
        artifacts=(artifact,),
        data=facts.model_dump(mode="json"),
        backend=built.combined.backend,
        pixels=len(frames) * rows * columns,
    )


def _built(recipe: Recipe, inputs: RecipeInputs, parameters: Parameters) -> Built:
    try:
        return recipe.compute(inputs, parameters)
    except FrameRejected as refusal:  # a file that changed since it was checked
        raise InputRefused(str(refusal)) from refusal


def _correction(
    job: CombineJob, instrument: Instrument, parameters: Parameters
) -> tuple[Geometry, Signature]:
    try:
        return correction(instrument, job.detector, parameters, parameters.unit)
    except ValueError as problem:
        raise InputRefused(f"{job.recipe} of detector {job.detector}: {problem}") from problem


def _marked(corrected: Signature) -> int:
    """Return how many pixels are defects."""
    return 0 if corrected.defects is None else int(np.count_nonzero(corrected.defects))


def _check_versions(job: CombineJob, recipe: Recipe) -> None:
    for what, wanted, here in [
        (f"recipe {recipe.name}", job.recipe_version, recipe.version),
        ("pixel engine", job.engine_version, ENGINE_VERSION),
    ]:
        if wanted != here:
            raise VersionMismatch(
                f"the job was planned for version {wanted} of the {what}, but this worker has {here}; run workers "
                "and sequencer of one release, and plan again"
            )


def _check_number(job: CombineJob, recipe: Recipe, parameters: Parameters) -> None:
    count = sum(one.role == FRAMES for one in job.inputs)
    if count < parameters.min_inputs:
        raise InputRefused(
            f"{count} {recipe.image_type} frames of detector {job.detector}, {parameters.min_inputs} are needed for "
            f"a {recipe.name}; take more, or lower {recipe.name}.min_inputs"
        )


def _facts(
    job: CombineJob, instrument: Instrument, parameters: Parameters, frames: list[JobFrame], built: Built
) -> ProductFacts:
    heads = [frame.opened.facts for frame in frames]
    ends = [head.begin_tai_ns + round((head.exptime_s or 0.0) * NS_PER_S) for head in heads]
    noises = [amplifier.read_noise_e for amplifier in instrument.detector(job.detector).amplifiers]
    return ProductFacts(
        product_id=product_id(job.recipe, job.job_id),
        unit=built.unit,
        filter=heads[0].filter if find_recipe(job.recipe).by_filter else None,
        dark_time_s=built.dark_time_s,
        per_second=built.per_second,
        begin_tai_ns=min(head.begin_tai_ns for head in heads),
        end_tai_ns=max(ends),
        read_noise_e=sum(noises) / len(noises),
        parameters=parameters.model_dump(),
        inputs=(
            *(_frame_record(frame, scale) for frame, scale in zip(frames, built.scales, strict=True)),
            *(_calibration_record(one) for role in built.used for one in job.inputs if one.role == role),
        ),
    )


def _frame_record(frame: JobFrame, scale: float) -> InputRecord:
    facts = frame.opened.facts
    return InputRecord(
        role=FRAMES,
        id=frame.input.id,
        sha256=frame.input.ref.sha256,
        exposure_id=facts.exposure_id,
        file_name=frame.file_name,
        begin_tai_ns=facts.begin_tai_ns,
        exptime_s=facts.exptime_s,
        dark_time_s=facts.dark_time_s,
        scale=scale,
    )


def _calibration_record(one: JobInput) -> InputRecord:
    return InputRecord(role=one.role, id=one.id, sha256=one.ref.sha256, file_name=one.file_name)


def _common(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or max(known) - min(known) > TIME_TOLERANCE_S:
        return None
    return min(known)


def _image(
    job: CombineJob, instrument: Instrument, facts: ProductFacts, frames: list[JobFrame], built: Built
) -> ProductImage:
    planes, detector = built.combined, instrument.detector(job.detector)
    return ProductImage(
        kind=job.recipe,
        instrument=job.instrument,
        detector=job.detector,
        detector_name=detector.name,
        unit=built.unit,
        data=planes.data,
        variance=planes.variance,
        mask=planes.mask,
        count=planes.count,
        provenance=Provenance(
            product_id=facts.product_id,
            job_id=job.job_id,
            recipe=job.recipe,
            recipe_version=job.recipe_version,
            engine_version=job.engine_version,
            instrument_hash=job.instrument_hash,
            inputs=tuple(ProductInput(**one.model_dump()) for one in facts.inputs),
            parameters=facts.parameters,
        ),
        statistic=str(facts.parameters["statistic"]),
        begin_tai_ns=facts.begin_tai_ns,
        end_tai_ns=facts.end_tai_ns,
        exptime_s=_common([frame.opened.facts.exptime_s for frame in frames]),
        dark_time_s=facts.dark_time_s,
        per_second=facts.per_second,
        normalisation=built.normalisation,
        filter=facts.filter,
        overscan=str(facts.parameters["overscan"]),
        parallel_overscan=str(facts.parameters["parallel_overscan"]),
        amplifiers=tuple(
            ProductAmplifier(one.name, one.gain_e_per_adu, one.read_noise_e) for one in detector.amplifiers
        ),
    )
