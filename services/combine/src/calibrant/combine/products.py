"""From what a recipe made to the product that is written: planes or tables, under one head. Must not know how it was made."""

from typing import Any

import numpy as np

from calibrant.combine.facts import ProductFacts
from calibrant.combine.inputs import JobFrame
from calibrant.combine.recipes.base import Built, BuiltTables
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.frames.instrument import Instrument
from calibrant.frames.measured import STEPS
from calibrant.frames.writing import (
    ProductAmplifier,
    ProductHead,
    ProductImage,
    ProductInput,
    ProductTables,
    Provenance,
)
from calibrant.pixels import Geometry, Signature
from calibrant.rules.association import TIME_TOLERANCE_S


def product_of(  # noqa: PLR0917 - what was asked for, with what, and what came of it
    job: CombineJob,
    instrument: Instrument,
    geometry: Geometry,
    corrected: Signature,
    facts: ProductFacts,
    frames: list[JobFrame],
    built: Built | BuiltTables,
    *,
    between: bool = False,
) -> ProductHead:
    """Return the product of a job.

    Parameters
    ----------
    job, instrument
        What was asked for.
    geometry : Geometry
        The detector, with the numbers that frames were corrected by.
    corrected : Signature
        What was removed from each frame before any calibration.
    facts : ProductFacts
        What is recorded of it.
    frames : list of JobFrame
        What it was made of.
    built : Built or BuiltTables
        What the recipe made.
    between : bool
        Whether what other detectors leak was taken out of every frame.
    """
    head = _head(job, instrument.detector(job.detector).name, geometry, corrected, facts)
    head["between"] = between
    if isinstance(built, BuiltTables):
        return ProductTables(**head, tables=built.tables)
    planes = built.combined
    return ProductImage(
        **head,
        unit=built.unit,
        data=planes.data,
        variance=planes.variance,
        mask=planes.mask,
        count=planes.count,
        statistic=str(facts.parameters["statistic"]),
        exptime_s=_common([frame.opened.facts.exptime_s for frame in frames]),
        dark_time_s=facts.dark_time_s,
        per_second=facts.per_second,
        normalisation=built.normalisation,
        tables=built.tables,
    )


def _head(
    job: CombineJob, detector_name: str, geometry: Geometry, corrected: Signature, facts: ProductFacts
) -> dict[str, Any]:
    return {
        "kind": job.recipe,
        "instrument": job.instrument,
        "detector": job.detector,
        "detector_name": detector_name,
        "provenance": Provenance(
            product_id=facts.product_id,
            job_id=job.job_id,
            recipe=job.recipe,
            recipe_version=job.recipe_version,
            engine_version=job.engine_version,
            instrument_hash=job.instrument_hash,
            inputs=tuple(ProductInput(**one.model_dump()) for one in facts.inputs),
            parameters=facts.parameters,
        ),
        "begin_tai_ns": facts.begin_tai_ns,
        "end_tai_ns": facts.end_tai_ns,
        "filter": facts.filter,
        "overscan": str(facts.parameters["overscan"]),
        "parallel_overscan": str(facts.parameters["parallel_overscan"]),
        "linearity": bool(corrected.linearity),
        "defects": _marked(corrected),
        "idle": frozenset(
            kind
            for kind in {one.role for one in facts.inputs} & STEPS.keys()
            if STEPS[kind] not in corrected.barriers
        ),
        "amplifiers": tuple(
            ProductAmplifier(one.name, one.gain_e_per_adu, one.read_noise_e) for one in geometry.amplifiers
        ),
    }


def _marked(corrected: Signature) -> int:
    """Return how many pixels are defects."""
    return 0 if corrected.defects is None else int(np.count_nonzero(corrected.defects))


def _common(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or max(known) - min(known) > TIME_TOLERANCE_S:
        return None
    return min(known)
