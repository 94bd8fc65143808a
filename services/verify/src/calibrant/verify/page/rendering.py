"""The page on a set: one HTML file with everything in it, the same bytes for the same report.

Text that comes from headers and file names is escaped. Must not know jobs or stores.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from calibrant.frames.writing import MOST_PIXELS, ProductPreview
from calibrant.rules.scores import Colour, Score
from calibrant.rules.verification import TestResult, Verdict
from calibrant.verify.page import words
from calibrant.verify.page.charts import course, histogram
from calibrant.verify.page.defect_map import defect_map
from calibrant.verify.page.figures import FIGURES
from calibrant.verify.page.focal_plane import Tile, placed
from calibrant.verify.page.metrics import Metric, failing_places, metrics_of
from calibrant.verify.page.mosaics import mosaic
from calibrant.verify.page.provenance import provenance
from calibrant.verify.page.thumbnails import thumbnail
from calibrant.verify.reports import MeasurementReport, SetReport

FEW: Final = 16
"""Detectors up to which each has its sentence in view and its product as large as it came."""
SMALL: Final = 64
"""Pixels along a side of a product where there are more."""


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
        several_detectors=len(report.detectors) > 1,
        **_verdicts(report, names),
        **_failures(report, measured, results, names),
        tests=words.test_lines(report, results),
        **_gate(report, names),
        scores=_scores(report, names),
        findings=[words.sentence(one) for one in report.findings],
        scored=words.scored(report),
        **_metrics(report, measured, results, names),
        figures=_figures(report.kind, measured, names),
        maps=_maps(measured, names),
        thumbnails=_thumbnails(report, previews, names),
        **provenance(report, measured, names),
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
    """Give the first words: the outcome, then a sentence a detector; a large camera's folded but for the first bad ones."""
    told = [
        {
            "name": names.detector(one.detector),
            "verdict": one.verdict,
            "reason": words.sentence(one.reason),
            "sign": words.SIGNS[one.verdict],
            "tone": words.TONES[one.verdict],
        }
        for one in report.detectors
    ]
    many = len(told) > FEW
    worst_first = sorted(told, key=lambda one: one["tone"] != "bad") if many else told
    shown = [one for one in worst_first if not many or one["verdict"] != "certified"][:FEW]
    outcome = report.decision.outcome.value
    return {
        "outcome": outcome,
        "sign": words.SIGNS[outcome],
        "tone": words.TONES[outcome],
        "lead": words.lead(report),
        "detectors": {
            "told": shown,
            "folded": [one for one in told if one not in shown],
        },
    }


def _failures(
    report: SetReport,
    measured: Mapping[int, MeasurementReport],
    results: Sequence[TestResult],
    names: words.Names,
) -> dict[str, Any]:
    remarks = [*results, *report.assessment.advisories]
    advisory = [one for one in remarks if one.advisory and one.verdict is Verdict.FAIL]
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


def _scores(report: SetReport, names: words.Names) -> list[tuple[str, Score]]:
    """Return what is not green, by detector."""
    return [
        (names.detector(detector), one)
        for detector, found in report.assessment.detectors.items()
        for one in found.scores
        if one.colour is not Colour.GREEN
    ]


def _metrics(
    report: SetReport,
    measured: Mapping[int, MeasurementReport],
    results: Sequence[TestResult],
    names: words.Names,
) -> dict[str, Any]:
    metrics = metrics_of(report.kind, measured.values())
    tiles = [
        Tile(number, one.detector_name, one.amplifiers, one.position) for number, one in measured.items()
    ]
    failing = failing_places(report.kind, results)
    typical = [one.typical for one in metrics]
    places = [(tile.number, one.name) for tile in tiles for one in tile.amplifiers]
    return {
        "placed": placed(tiles),
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


def _figures(
    kind: str, measured: Mapping[int, MeasurementReport], names: words.Names
) -> dict[str, Any] | None:
    """Draw what a kind has to show of the first detectors that have some."""
    having = [(detector, found.series) for detector, found in measured.items() if found.series]
    if kind not in FIGURES or not having:
        return None
    own = FIGURES[kind]
    return {
        "title": own.title,
        "note": own.note,
        "drawn": [
            {
                "figure": own.draw(series),
                "name": names.detector(detector),
                "alt": own.alt(names.detector(detector), series),
            }
            for detector, series in having[:FEW]
        ],
    }


def _maps(measured: Mapping[int, MeasurementReport], names: words.Names) -> list[dict[str, str]]:
    """Draw where the defects of the first detectors are that have some."""
    having = [(detector, found) for detector, found in measured.items() if found.regions]
    return [
        {
            "figure": defect_map(found.regions, found.amplifiers),
            "name": names.detector(detector),
            "alt": f"Defects of detector {names.detector(detector)}: {len(found.regions)} regions.",
        }
        for detector, found in having[:FEW]
    ]


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
