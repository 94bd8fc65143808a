"""Verifying a photon transfer curve, or gains by single pairs: what its tables say, amplifier by amplifier, tested once.

The flats are not measured again: the product is their measurement. Must not know limits' values, tables of a database or the bus.

================== =====================================================================================
GAIN, GAIN_ERROR   gain of the curve and its standard error [electron/adu]; NOMINAL_GAIN that of the instrument file
PTC_NOISE          read noise of the curve, with PTC_NOISE_ERROR, absent where the fit lies on a bound
A00, A00_ERROR     change of a pixel's area by its own charge [1/electron]
TURNOFF            highest level on the curve; FULL_WELL the same, 0 where no pair lies beyond it
POINTS, MEASURED   pairs on the curve, and pairs that could be measured
CHI2_RATIO         chi squared over degrees of freedom; absent where there are none
NOISE_SPREAD       standard deviation of the overscan's noise over the pairs, over its mean; absent without overscan
GAIN_SPREAD        of gains: standard deviation of those of single pairs over their mean; absent with one pair
OVERSCAN_NOISE     of gains: noise of the overscans by the gain; absent without overscan
PAIR_GAIN          median of the gains that the pairs on the curve give one by one, without the effect of A00 [electron/adu]
================== =====================================================================================
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames.correcting import Choices, chosen
from calibrant.frames.instrument import Instrument
from calibrant.frames.writing import ProductTable, ProductTables
from calibrant.pixels import ENGINE_VERSION, Amplifier
from calibrant.rules.verification import ALL_EXPOSURES, Scope, evaluate
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
from calibrant.verify.measuring.amplifiers import Values, finite
from calibrant.verify.measuring.artifacts import amplifiers_of, mode_of, products_of, written
from calibrant.verify.reports import CurveRecord, FrameRecord, MeasurementReport, MeasurementRow


def compute(job: MeasureJob, workspace: Workspace) -> Outcome:
    """Test a photon transfer curve.

    Parameters
    ----------
    job : MeasureJob
        Which curve, and the flats that it is of.
    workspace : Workspace
        Where the curve is and the measurements go.

    Returns
    -------
    Outcome
        The artifact ``measurements``, a `MeasurementReport` as JSON; the same bytes for the same job.

    Raises
    ------
    PermanentError
        Versions differ, or the curve is missing, does not fit, or is of other flats.
    """
    check_version("the pixel engine", job.engine_version, ENGINE_VERSION)
    check_rules(job.rules_version)
    report = _report(job, instrument_of(job, workspace), load_tables(job, workspace))
    return Outcome(artifacts=written(report, workspace), data={"errors": 0}, backend="", pixels=0)


def _report(job: MeasureJob, instrument: Instrument, verified: ProductTables) -> MeasurementReport:
    geometry, detector = instrument.geometry(job.detector), instrument.detector(job.detector)
    found = {one.name: _values(one, verified) for one in geometry.amplifiers}
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
            for name, (values, _) in found.items()
            for result in evaluate(job.kind, values, instrument.limits(), _place(job, verified, name))
        ),
        errors=(),
        curves=tuple(_curve(one.name, verified) for one in geometry.amplifiers),
    )


def _place(job: MeasureJob, verified: ProductTables, amplifier: str) -> Scope:
    return Scope(
        exposure_id=ALL_EXPOSURES,
        detector=job.detector,
        amplifier=amplifier,
        begin_tai_ns=verified.begin_tai_ns,
    )


def _frames(job: MeasureJob, verified: ProductTables) -> tuple[FrameRecord, ...]:
    """Name the flats, as the curve has them.

    Raises
    ------
    InputRefused
        There is none, or one that the curve is not of.
    """
    known = {one.id: one for one in verified.provenance.inputs if one.role == FRAMES}
    frames = [one for one in job.inputs if one.role == FRAMES]
    other = next((one for one in frames if one.id not in known), None)
    if other is not None or not frames:
        which = "no flats are given" if other is None else f"{file_name_of(other)} is none of its flats"
        raise InputRefused(
            f"{job.reference.product_id}: {which}; it is verified by its own pairs: keep none out "
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


def _values(amplifier: Amplifier, verified: ProductTables) -> tuple[Values, str]:
    """Return an amplifier's numbers, NaN where they could not be had; and why."""
    table = verified.table("AMPLIFIERS")
    row = int(np.flatnonzero(table["AMPLIFIER"] == amplifier.name)[0])
    if verified.kind == "gain":
        return _of_gain(amplifier, table, row, _rows(verified, amplifier.name)), str(table["REASON"][row])
    gain, low = float(table["GAIN"][row]), bool(table["FULLWELL_LOW"][row])
    freedom = int(table["DOF"][row])
    optional = {
        "PTC_NOISE_ERROR": float(table["NOISE_ERR"][row]),
        "CHI2_RATIO": float(table["CHI2"][row]) / freedom if freedom > 0 else math.nan,
    }
    values = {
        "GAIN": gain,
        "GAIN_ERROR": float(table["GAIN_ERR"][row]),
        "NOMINAL_GAIN": amplifier.gain_e_per_adu,
        "PTC_NOISE": float(table["NOISE"][row]),
        "NOMINAL_READ_NOISE": amplifier.read_noise_e,
        "A00": float(table["A00"][row]),
        "A00_ERROR": float(table["A00_ERR"][row]),
        "TURNOFF": float(table["TURNOFF"][row]) * gain,
        "FULL_WELL": 0.0 if low else float(table["FULLWELL"][row]),
        "POINTS": float(table["POINTS"][row]),
        "MEASURED": float(table["MEASURED"][row]),
        **_of_pairs(_rows(verified, amplifier.name), gain, float(table["A00"][row])),
    }
    reason = str(table["REASON"][row])
    had = optional if reason else {name: one for name, one in optional.items() if math.isfinite(one)}
    return values | had, reason


def _of_gain(
    amplifier: Amplifier, table: ProductTable, row: int, pairs: Mapping[str, NDArray[Any]]
) -> Values:
    values = {
        "GAIN": float(table["GAIN"][row]),
        "GAIN_ERROR": float(table["GAIN_ERR"][row]),
        "NOMINAL_GAIN": amplifier.gain_e_per_adu,
        "NOMINAL_READ_NOISE": amplifier.read_noise_e,
        "MEASURED": float(table["MEASURED"][row]),
    }
    single = pairs["GAIN"][np.isfinite(pairs["GAIN"])]
    if single.size > 1:
        values["GAIN_SPREAD"] = float(single.std() / single.mean())
    if table["NOISE_FROM"][row] == "overscan":
        values["OVERSCAN_NOISE"] = float(table["NOISE"][row])
    return values


def _of_pairs(pairs: Mapping[str, NDArray[Any]], gain: float, a00: float) -> Values:
    noise = pairs["NOISE"][np.isfinite(pairs["NOISE"])]
    values = {"NOISE_SPREAD": float(noise.std() / noise.mean())} if noise.size > 1 else {}
    single = pairs["GAIN"] * (1 + a00 * gain * pairs["MEAN"])
    single = single[pairs["ON_CURVE"] & np.isfinite(single)]
    return values | {"PAIR_GAIN": float(np.median(single)) if single.size else math.nan}


def _rows(verified: ProductTables, amplifier: str) -> dict[str, NDArray[Any]]:
    table = verified.table("PAIRS")
    mine = table["AMPLIFIER"] == amplifier
    return {column.name: column.values[mine] for column in table.columns}


def _curve(amplifier: str, verified: ProductTables) -> CurveRecord:
    """Return the points that a figure of the curve has."""
    pairs = _rows(verified, amplifier)
    known = np.isfinite(pairs["MEAN"]) & np.isfinite(pairs["VARIANCE"])
    order = np.argsort(pairs["MEAN"][known], kind="stable")
    return CurveRecord(
        amplifier=amplifier,
        mean_adu=tuple(pairs["MEAN"][known][order].tolist()),
        variance_adu2=tuple(pairs["VARIANCE"][known][order].tolist()),
        on_curve=tuple(pairs.get("ON_CURVE", known)[known][order].tolist()),
    )
