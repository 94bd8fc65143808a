"""Building a product: the half of a combine job that runs in a child process. Must not know tables or the bus."""

from collections.abc import Mapping
from contextlib import ExitStack
from types import MappingProxyType

from calibrant.bus.errors import PermanentError
from calibrant.combine.beside import all_there, load_sources, source_frames, with_others
from calibrant.combine.facts import SWITCHES, facts_of
from calibrant.combine.inputs import (
    FRAMES,
    InputRefused,
    instrument_of,
    load_calibrations,
    load_frames,
    load_measured,
    with_defects,
)
from calibrant.combine.products import product_of
from calibrant.combine.recipes import find_recipe, parse_parameters
from calibrant.combine.recipes.base import Built, BuiltTables, Recipe, RecipeInputs
from calibrant.combine.recipes.parameters import Parameters
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.frames.correcting import correction
from calibrant.frames.instrument import Instrument
from calibrant.frames.measured import heard, measured_between, within
from calibrant.frames.reading import FrameRejected
from calibrant.frames.writing import ProductTables, write_product
from calibrant.pixels import ENGINE_VERSION, Geometry, Signature
from calibrant.runtime.handlers import Artifact, Outcome, Workspace

ARTIFACT = "product"
MEDIA_TYPES = MappingProxyType({Built: "image/fits", BuiltTables: "application/fits"})
"""Of what a recipe makes, by its form: RFC 4047 keeps the first for files whose primary content is an image."""


class VersionMismatch(PermanentError):
    """The job was planned for another version of a recipe or of the engine than this worker has."""


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
    parameters = parameters.model_copy(update=dict.fromkeys(recipe.without, False))
    _check_number(job, recipe, parameters)
    measured = load_measured(job, recipe, workspace)
    geometry, corrected = _correction(job, instrument, parameters, measured)
    parameters = parameters.settled(instrument)
    with ExitStack() as opened:
        frames = load_frames(job, recipe, instrument, workspace, opened)
        group = instrument.leaking_into(job.detector)
        others = group if recipe.between_detectors else heard(corrected)
        sources = load_sources(job, instrument, frames, workspace, opened, detectors=others)
        unit = parameters.unit if recipe.between_detectors else "adu"  # as matrices are applied
        beside = source_frames(sources, instrument, parameters, unit)
        corrected = corrected if sources else within(corrected, geometry)
        calibrations = load_calibrations(job, recipe, geometry, parameters.unit, workspace)
        if parameters.defects:
            corrected = with_defects(corrected, calibrations)
        tables = {kind: one for kind, one in measured.items() if getattr(parameters, SWITCHES[kind])}
        inputs = RecipeInputs(
            frames=with_others(frames, beside, others),
            calibrations=calibrations,
            geometry=geometry,
            corrected=corrected,
            memory_bytes=job.memory_bytes,
            tables=tables,
            read_out=instrument.detector(job.detector).geometry(),
            sources=beside,
        )
        built = _built(recipe, inputs, parameters)
    facts = facts_of(job, geometry, parameters, frames, built, sources=sources)
    told = measured_between(tables["crosstalk"]) if "crosstalk" in tables else ()
    between = bool(group) and set(group) <= set(told) and all_there(frames, beside, others)
    product = product_of(job, instrument, geometry, corrected, facts, frames, built, between=between)
    write_product(workspace.scratch / "product.fits", product)
    artifact = Artifact(
        name=ARTIFACT, path="product.fits", prefix="products", media_type=MEDIA_TYPES[type(built)]
    )
    rows, columns = geometry.raw_shape
    return Outcome(
        artifacts=(artifact,),
        data=facts.model_dump(mode="json"),
        backend=built.backend if isinstance(built, BuiltTables) else built.combined.backend,
        pixels=len(frames) * rows * columns,
    )


def _built(recipe: Recipe, inputs: RecipeInputs, parameters: Parameters) -> Built | BuiltTables:
    try:
        return recipe.compute(inputs, parameters)
    except FrameRejected as refusal:  # a file that changed since it was checked
        raise InputRefused(str(refusal)) from refusal


def _correction(
    job: CombineJob, instrument: Instrument, parameters: Parameters, measured: Mapping[str, ProductTables]
) -> tuple[Geometry, Signature]:
    try:
        return correction(instrument, job.detector, parameters, parameters.unit, measured)
    except ValueError as problem:
        raise InputRefused(f"{job.recipe} of detector {job.detector}: {problem}") from problem


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
            f"{count} {' and '.join(recipe.image_types)} frames of detector {job.detector}, {parameters.min_inputs} are needed for "
            f"a {recipe.name}; take more, or lower {recipe.name}.min_inputs"
        )
