"""Verifying a kind that is tables: what they say, amplifier by amplifier, tested once. Must not know limits' values or the bus.

The frames are not measured again: the product is their measurement. What a kind's tables say is read by its own module, one a
kind, which `TELLINGS` names; `telling` says how one is added.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames.correcting import Choices, chosen
from calibrant.frames.instrument import Instrument
from calibrant.frames.writing import ProductTables
from calibrant.pixels import ENGINE_VERSION
from calibrant.rules.verification import ALL_EXPOSURES, Scope, TestResult, evaluate
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.verify.inputs import (
    FRAMES,
    InputRefused,
    check_rules,
    check_version,
    file_name_of,
    instrument_of,
    load_tables,
)
from calibrant.verify.measuring import analyses
from calibrant.verify.measuring.amplifiers import Values, finite
from calibrant.verify.measuring.artifacts import amplifiers_of, mode_of, products_of, written
from calibrant.verify.measuring.brighter_fatter import BFK
from calibrant.verify.measuring.crosstalk import CROSSTALK
from calibrant.verify.measuring.cti import CTI
from calibrant.verify.measuring.linearity import LINEARITY
from calibrant.verify.measuring.telling import Telling
from calibrant.verify.measuring.transfer import GAIN, PTC
from calibrant.verify.reports import FrameRecord, MeasurementReport, MeasurementRow

TELLINGS: Final[Mapping[str, Telling]] = MappingProxyType(
    {"crosstalk": CROSSTALK, "linearity": LINEARITY, "cti": CTI, "ptc": PTC, "gain": GAIN, "bfk": BFK}
    | analyses.TELLINGS
)
"""Kinds that are tables alone, and who reads them."""


def compute(job: MeasureJob, workspace: Workspace) -> Outcome:
    """Test what the tables of a product say.

    Parameters
    ----------
    job : MeasureJob
        Which product, and the frames that it is of.
    workspace : Workspace
        Where the product is and the measurements go.

    Returns
    -------
    Outcome
        The artifact ``measurements``, a `MeasurementReport` as JSON; the same bytes for the same job.

    Raises
    ------
    PermanentError
        Versions differ, or the product is missing, does not fit, or is of other frames.
    """
    check_version("the pixel engine", job.engine_version, ENGINE_VERSION)
    check_rules(job.rules_version)
    report = _report(job, instrument_of(job, workspace), load_tables(job, workspace))
    return Outcome(artifacts=written(report, workspace), data={"errors": 0}, backend="", pixels=0)


def _report(job: MeasureJob, instrument: Instrument, verified: ProductTables) -> MeasurementReport:
    geometry, detector = instrument.geometry(job.detector), instrument.detector(job.detector)
    telling = TELLINGS[job.kind]
    found: dict[str | None, tuple[Values, str]] = {
        one.name: telling.amplifier(one, verified) for one in geometry.amplifiers
    }
    if whole := telling.detector(verified):
        found[None] = (whole, "")
    return MeasurementReport(
        job_id=job.job_id,
        kind=job.kind,
        mode=mode_of(job),
        instrument=job.instrument,
        instrument_hash=job.instrument_hash,
        engine_version=job.engine_version,
        rules_version=job.rules_version,
        detector=job.detector,
        detector_name=detector.name,
        position=detector.position,
        amplifiers=amplifiers_of(geometry),
        product_id=job.reference.product_id,
        correction=Choices.model_validate(chosen(verified.provenance.parameters)),
        products=products_of(job),
        limits=instrument.limits(),
        frames=_frames(job, verified),
        measurements=tuple(
            MeasurementRow(exposure_id=ALL_EXPOSURES, amplifier=name, values=finite(values), problem=problem)
            for name, (values, problem) in found.items()
        ),
        results=tuple(
            result
            for name, told in found.items()
            for result in _tested(job, instrument, verified, name, told)
        ),
        errors=(),
        series=telling.series(geometry, verified),
    )


def _tested(
    job: MeasureJob,
    instrument: Instrument,
    verified: ProductTables,
    amplifier: str | None,
    told: tuple[Values, str],
) -> tuple[TestResult, ...]:
    place = Scope(
        exposure_id=ALL_EXPOSURES,
        detector=job.detector,
        amplifier=amplifier,
        begin_tai_ns=verified.begin_tai_ns,
    )
    values, problem = told
    return evaluate(job.kind, values, instrument.limits(), place, problem)


def _frames(job: MeasureJob, verified: ProductTables) -> tuple[FrameRecord, ...]:
    """Name the frames, as the product has them.

    Raises
    ------
    InputRefused
        There is none, or one that the product is not of.
    """
    known = {one.id: one for one in verified.provenance.inputs if one.role == FRAMES}
    frames = [one for one in job.inputs if one.role == FRAMES]
    other = next((one for one in frames if one.id not in known), None)
    if other is not None or not frames:
        which = "no frames are given" if other is None else f"{file_name_of(other)} is none of its frames"
        raise InputRefused(
            f"{job.reference.product_id}: {which}; it is verified by its own frames: keep none out "
            "of it, and build a new one where others are to be looked at"
        )
    records = [
        FrameRecord(
            frame_id=one.id,
            exposure_id=one.exposure_id or one.id,
            file_name=file_name_of(one),
            begin_tai_ns=known[one.id].begin_tai_ns,
            exposure_time_s=known[one.id].exptime_s,
            in_reference=True,
        )
        for one in frames
    ]
    return tuple(sorted(records, key=lambda one: (one.begin_tai_ns or 0, one.exposure_id)))
