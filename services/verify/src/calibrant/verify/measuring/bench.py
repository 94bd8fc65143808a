"""What every frame of a measure job is measured with: read, checked and settled once."""

import json
from dataclasses import dataclass

from pydantic import ValidationError

from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames import correcting
from calibrant.frames.correcting import Choices, chosen
from calibrant.frames.instrument import Instrument
from calibrant.frames.measured import within
from calibrant.pixels import ENGINE_VERSION
from calibrant.runtime.handlers import Workspace
from calibrant.verify.inputs import (
    SOURCES,
    InputRefused,
    Products,
    check_rules,
    check_version,
    instrument_of,
    load_products,
)
from calibrant.verify.measuring.references import Correction, correction


@dataclass(frozen=True, eq=False, slots=True)
class Bench:
    """What every frame of the job is measured with."""

    job: MeasureJob
    instrument: Instrument
    products: Products
    choices: Choices
    correction: Correction


def bench_of(job: MeasureJob, workspace: Workspace) -> Bench:
    """Return what a job's frames are measured with.

    Raises
    ------
    PermanentError
        Versions differ, or a product is missing or does not fit.
    """
    check_version("the pixel engine", job.engine_version, ENGINE_VERSION)
    check_rules(job.rules_version)
    instrument = instrument_of(job, workspace)
    products = load_products(job, instrument, workspace)
    choices = _choices(job, instrument, products)
    return Bench(
        job=job,
        instrument=instrument,
        products=products,
        choices=choices,
        correction=_correction(job, instrument, products, choices),
    )


def _choices(job: MeasureJob, instrument: Instrument, products: Products) -> Choices:
    """Return how frames are corrected: as was asked for, else as those that the product verified was built of."""
    verified = products.verified
    try:
        asked = {name: json.loads(text) for name, text in job.parameters.items()}
    except json.JSONDecodeError as problem:
        raise InputRefused(f"parameters: {problem.doc!r} is not JSON") from problem
    asked = {name: value for name, value in asked.items() if value is not None}
    built = chosen(verified.provenance.parameters) | {"overscan": verified.overscan}
    try:
        return Choices.model_validate(built | asked, strict=True).settled(instrument)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise InputRefused(f"parameter {first['loc'][0]}: {first['input']!r}: {first['msg']}") from problem


def _correction(job: MeasureJob, instrument: Instrument, products: Products, choices: Choices) -> Correction:
    """Return what is removed from the frames, in electrons."""
    try:
        geometry, corrected = correcting.correction(
            instrument, job.detector, choices, "electron", products.measured
        )
    except ValueError as problem:
        raise InputRefused(f"detector {job.detector}: {problem}") from problem
    if all(one.role != SOURCES for one in job.inputs):
        corrected = within(corrected, geometry)
    if products.defects is not None and choices.defects:
        corrected = correcting.with_defects(corrected, products.defects.mask)
    return correction(products, job.kind, geometry, corrected)
