"""The page on a set: one HTML file with everything in it, the same bytes for the same report.

Text that comes from headers and file names is escaped. Must not know jobs or stores.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from calibrant.frames.times import format_time
from calibrant.frames.writing import MOST_PIXELS, ProductPreview
from calibrant.rules.verification import TestResult, Verdict
from calibrant.verify.page import words
from calibrant.verify.page.charts import course, histogram
from calibrant.verify.page.metrics import Metric, failing_places, metrics_of
from calibrant.verify.page.mosaics import Tile, mosaic
from calibrant.verify.page.thumbnails import thumbnail
from calibrant.verify.reports import MeasurementReport, SetReport

FEW: Final = 16
"""Detectors up to which each has its sentence in view and its product as large as it came."""
SMALL: Final = 64
"""Pixels along a side of a product where there are more."""
SHORT: Final = 400
"""Frames up to which their identifiers are written whole."""


def render(
    report: SetReport, measured: Mapping[int, MeasurementReport], previews: Mapping[int, ProductPreview]
) -> str:
    """Write the page.

    Parameters
    ----------
    report : SetReport
        What was decided.
    measured : mapping of int to MeasurementReport
        The measurements it was decided by, by detector.
    previews : mapping of int to ProductPreview
        Small pictures of the products verified, by detector.

    Returns
    -------
    str
        HTML without a script, and without an address outside itself.
    """
    names = words.Names(report, measured)
    results = [*(one for found in measured.values() for one in found.results), *report.exposure_results]
    style = _style()
    page: str = _template().render(
        report=report,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=Markup(base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()),  # noqa: S704
        title=f"{report.kind} {report.instrument} {report.set_key}",
        several=len(report.exposures) > 1,
        several_detectors=len(report.detectors) > 1,
        **_verdicts(report, names),
        **_failures(report, measured, results, names),
        tests=words.test_lines(report, results),
        **_gate(report, names),
        **_metrics(report, measured, results, names),
        thumbnails=_thumbnails(report, previews, names),
        **_provenance(report, measured, names),
    )
    return page


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_file("report.html.j2"))


@cache
def _style() -> str:
    return _file("report.css").strip()


def _file(name: str) -> str:
    return files("calibrant.verify.page").joinpath(name).read_text(encoding="utf-8")


def _verdicts(report: SetReport, names: words.Names) -> dict[str, Any]:
    """Give the first words: the outcome, then a sentence a detector; those of a large camera that are good folded."""
    told = [
        {
            "name": names.detector(one.detector),
            "verdict": one.verdict,
            "reason": one.reason.rstrip("."),
            "sign": words.SIGNS[one.verdict],
            "tone": words.TONES[one.verdict],
        }
        for one in report.detectors
    ]
    many = len(told) > FEW
    outcome = report.decision.outcome.value
    return {
        "outcome": outcome,
        "sign": words.SIGNS[outcome],
        "tone": words.TONES[outcome],
        "lead": words.lead(report),
        "detectors": {
            "told": [one for one in told if not many or one["verdict"] != "certified"],
            "folded": [one for one in told if many and one["verdict"] == "certified"],
        },
    }


def _failures(
    report: SetReport,
    measured: Mapping[int, MeasurementReport],
    results: Sequence[TestResult],
    names: words.Names,
) -> dict[str, Any]:
    advisory = [one for one in results if one.advisory and one.verdict is Verdict.FAIL]
    errors = [
        {"exposure": one.exposure_id, "detector": names.detector(detector), "reason": one.reason}
        for detector, found in measured.items()
        for one in found.errors
    ]
    errors += [
        {"exposure": "all", "detector": names.detector(detector), "reason": reason}
        for detector, reason in report.missing.items()
    ]
    return {
        "failures": words.failures(report.failures, names),
        "advisory": words.failures(advisory, names),
        "errors": errors,
    }


def _gate(report: SetReport, names: words.Names) -> dict[str, Any]:
    counts = report.decision.counts
    return {
        "gate": words.gate_lines(report),
        "types": [one for one in counts.types if one.tests or one.failed],
        "by_detector": [(names.detector(one.detector), one) for one in counts.by_detector],
    }


def _metrics(
    report: SetReport,
    measured: Mapping[int, MeasurementReport],
    results: Sequence[TestResult],
    names: words.Names,
) -> dict[str, Any]:
    metrics = metrics_of(report.kind, measured.values())
    tiles = [Tile(number, one.detector_name, one.amplifiers) for number, one in measured.items()]
    failing = failing_places(report.kind, results)
    typical = [one.typical for one in metrics]
    places = [(tile.number, one.name) for tile in tiles for one in tile.amplifiers]
    return {
        "metrics": [_metric(one, report, mosaic(one, tiles, failing[one.name])) for one in metrics],
        "numbers": [
            {
                "detector": names.detector(place[0]),
                "amplifier": place[1],
                "cells": [words.number(found.get(place)) for found in typical],
            }
            for place in places
        ],
    }


def _metric(metric: Metric, report: SetReport, drawn: str) -> dict[str, Any]:
    """Give the figures of a metric, each with what it shows in words."""
    typical, values = metric.typical, metric.all_values
    least, most = (
        min(typical, key=lambda place: typical[place]),
        max(typical, key=lambda place: typical[place]),
    )
    extremes = " to ".join(
        f"{words.number(typical[place], metric.unit)} (detector {place[0]}, amplifier {place[1]})"
        for place in (least, most)
    )
    by_exposure = [metric.in_exposure(one) for one in report.exposures]
    several = sum(bool(found) for found in by_exposure) > 1
    span = f"{words.number(min(values), metric.unit)} to {words.number(max(values), metric.unit)}"
    return {
        "name": metric.name,
        "label": metric.label,
        "mosaic": drawn,
        "alt": f"{metric.name} over the focal plane, {len(typical)} amplifiers: from {extremes}.",
        "histogram": histogram(metric),
        "histogram_alt": f"Histogram of {len(values)} measurements of {metric.name}, {span}.",
        "course": course(metric, report.exposures) if several else "",
        "course_alt": f"{metric.name} over {len(report.exposures)} exposures, {span}; band: from the least amplifier to "
        "the greatest, line: their median.",
    }


def _thumbnails(
    report: SetReport, previews: Mapping[int, ProductPreview], names: words.Names
) -> list[dict[str, Any]]:
    side = MOST_PIXELS if len(previews) <= FEW else SMALL
    shown = []
    for detector, preview in previews.items():
        found = thumbnail(preview, side)
        grey = f"{words.number(found.black)} to {words.number(found.white, preview.unit or '1')}"
        masked = f"{100 * found.masked:.2g} % masked" if found.masked else "nothing masked"
        shown.append(
            {
                "address": found.address,
                "width": found.width,
                "height": found.height,
                "alt": f"{report.kind} of detector {names.detector(detector)}, {masked}; grey from {grey}.",
                "caption": f"{names.detector(detector)}: {grey}, {masked}",
            }
        )
    return shown


def _provenance(
    report: SetReport, measured: Mapping[int, MeasurementReport], names: words.Names
) -> dict[str, Any]:
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
                "begin": format_time(min(found), "utc", 0).replace("T", " ") if found else "-",
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
