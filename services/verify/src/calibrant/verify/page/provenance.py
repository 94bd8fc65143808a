"""Where the numbers of a page come from: identifiers, versions, hashes, products, exposures, frames. Must not know HTML."""

import json
from collections.abc import Mapping
from typing import Any, Final

from calibrant.rules.times import second_text
from calibrant.verify.page.words import Names
from calibrant.verify.reports import MeasurementReport, SetReport

SHORT: Final = 400
"""Frames up to which their identifiers are written whole."""


def provenance(report: SetReport, measured: Mapping[int, MeasurementReport], names: Names) -> dict[str, Any]:
    """Return what the page says of where its numbers come from, by the names of the template."""
    frames = [(detector, frame) for detector, one in measured.items() for frame in one.frames]
    short = None if len(frames) <= SHORT else 12
    begins: dict[str, list[int]] = {exposure: [] for exposure in report.exposures}
    for _, frame in frames:
        begins[frame.exposure_id] += [] if frame.begin_tai_ns is None else [frame.begin_tai_ns]
    held = {
        exposure: sum(frame.exposure_id == exposure for _, frame in frames) for exposure in report.exposures
    }
    return {
        "provenance": _settings(report, measured),
        "products": [
            {
                "detector": names.detector(detector),
                "role": one.role,
                "id": one.product_id,
                "sha256": one.sha256,
            }
            for detector, found in measured.items()
            for one in found.products
        ],
        "exposures": [
            {
                "number": names.number[exposure],
                "id": exposure,
                "begin": second_text(min(found)) if found else "-",
                "detectors": held[exposure],
            }
            for exposure, found in begins.items()
        ],
        "frames": [
            {
                "file_name": frame.file_name,
                "detector": detector,
                "number": names.number[frame.exposure_id],
                "in_reference": frame.in_reference,
                "frame_id": frame.frame_id[:short],
            }
            for detector, frame in frames
        ],
    }


def _settings(report: SetReport, measured: Mapping[int, MeasurementReport]) -> list[tuple[str, str]]:
    """Name what determined the numbers: identifiers, versions, hashes."""

    def each(field: str) -> str:
        return ", ".join(sorted({str(getattr(one, field)) for one in measured.values()})) or "-"

    return [
        ("report", report.report_id),
        ("job", report.job_id),
        ("mode", report.mode),
        ("instrument description", each("instrument_hash")),
        ("pixel engine", each("engine_version")),
        ("verification rules", each("rules_version")),
        ("limits", report.limits.version),
        ("thresholds of the gate", report.thresholds.version),
        ("corrected by", _choices(measured)),
        ("unit of the numbers", each("unit")),
    ]


def _choices(measured: Mapping[int, MeasurementReport]) -> str:
    """Say how frames were corrected before the products: what was chosen, by name."""
    chosen = {one.correction.model_dump_json(exclude_none=True) for one in measured.values()}
    found = [json.loads(one) for one in sorted(chosen)]
    return "; ".join(", ".join(f"{name} {value}" for name, value in one.items()) for one in found) or "-"
