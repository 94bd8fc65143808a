"""How a set's numbers stand to their limits, their history and what is in force; told as scores and alarms.

Changes no decision of the gate; only where it is asked to, it lets a product give way to the one in force. Must not
know tables: what is known of the past comes as `Known`.
"""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

from calibrant.rules.comparing import WORSE, ComparisonRules, numbers_of, worse_numbers
from calibrant.rules.scores import Colour, Score, Total, by_limits, total_of
from calibrant.rules.trends import History, TrendRules, place_of
from calibrant.rules.verification import TestResult, Verdict
from calibrant.runtime.handlers import Workspace
from calibrant.verify.known import Known, Standing
from calibrant.verify.reports import (
    Assessment,
    Comparison,
    DetectorAssessment,
    DetectorReport,
    MeasurementReport,
    SetReport,
    Trend,
)

OUT_OF_FAMILY = "OUT_OF_FAMILY"
"""Ends the name of an alarm's advisory result, after the metric's."""
MOST_ALARMS = 3
"""Alarms that a reason tells; of the rest only the number."""


class Rules(NamedTuple):
    """By what is assessed."""

    trends: TrendRules
    comparison: ComparisonRules


def rules_of(workspace: Workspace) -> Rules:
    """Return the rules that the service is set to; the default ones where it says nothing."""
    trends, comparison = (workspace.config.get(name, "{}") for name in ("trends", "comparison"))
    return Rules(TrendRules.model_validate_json(trends), ComparisonRules.model_validate_json(comparison))


def assessed(
    report: SetReport, measured: Mapping[int, MeasurementReport], rules: Rules, known: Known
) -> SetReport:
    """Return a report with its scores and alarms.

    Parameters
    ----------
    report : SetReport
        As the gate has decided.
    measured : mapping of int to MeasurementReport
        Measurements by detector.
    rules : Rules
        By what.
    known : Known
        The past.
    """
    if report.mode == "external":
        known = Known()
    found = {detector: _assess(one, rules, known) for detector, one in measured.items()}
    alarms = {detector: _alarms(measured[detector], one, rules.trends) for detector, one in found.items()}
    detectors = tuple(
        _with_score(one, found.get(one.detector), alarms.get(one.detector, []), rules.comparison)
        for one in report.detectors
    )
    assessment = Assessment(
        trend_rules=rules.trends,
        comparison_rules=rules.comparison,
        history_before_tai_ns=known.before_tai_ns,
        history_known_at_tai_ns=known.known_at_tai_ns,
        detectors=found,
        advisories=tuple(one for each in alarms.values() for one in each),
        total=total_of(Total(colour=one.score, because=_in_set(one)) for one in detectors),
    )
    return report.model_copy(update={"detectors": detectors, "assessment": assessment})


def _assess(measured: MeasurementReport, rules: Rules, known: Known) -> DetectorAssessment:
    history = known.history.get(measured.detector)
    trends = _trends(measured, rules.trends, known) if measured.mode == "internal" else []
    comparison = _compare(measured, rules.comparison, known.in_force.get(measured.detector))
    scores = [*by_limits(measured.results), *_by_history(trends), *_by_standing(comparison)]
    return DetectorAssessment(
        history=history,
        trends=tuple(trends),
        comparison=comparison,
        scores=tuple(scores),
        total=total_of(scores),
    )


def _trends(measured: MeasurementReport, rules: TrendRules, known: Known) -> list[Trend]:
    names = rules.metrics.get(measured.kind, ())
    values: dict[tuple[str, str], list[float | None]] = {}
    for row in measured.measurements:
        for name in names:
            if row.amplifier is not None and name in row.values:
                values.setdefault((name, row.amplifier), []).append(row.values[name])
    past = known.history.get(measured.detector)
    return [
        _trend(place, of_set, {} if past is None else past.numbers, rules) for place, of_set in values.items()
    ]


def _trend(
    place: tuple[str, str],
    values: Iterable[float | None],
    numbers: Mapping[str, Mapping[str, History]],
    rules: TrendRules,
) -> Trend:
    name, amplifier = place
    had = [value for value in values if value is not None]
    value = median(had) if had else None
    history = numbers.get(amplifier, {}).get(name)
    lies = place_of(value, history, rules)
    return Trend(
        metric=name,
        amplifier=amplifier,
        value=value,
        history=history,
        z=lies.z,
        out=lies.out,
        because=lies.because,
    )


def _compare(
    measured: MeasurementReport, rules: ComparisonRules, standing: Standing | None
) -> Comparison | None:
    if rules.act == "off" or standing is None:
        return None
    new = numbers_of((row.amplifier, row.values) for row in measured.measurements)
    old = {(one.amplifier, one.name): one.value for one in standing.numbers}
    worse = worse_numbers(measured.kind, new, old, rules)
    return Comparison(
        in_force=standing, compared=len(new.keys() & old.keys()), worse=tuple(one.words for one in worse)
    )


def _by_history(trends: Iterable[Trend]) -> list[Score]:
    """Score each metric by its history: grey where a place has too little of it."""
    metrics: dict[str, list[Trend]] = {}
    for trend in trends:
        metrics.setdefault(trend.metric, []).append(trend)
    return [_by_past(name, found) for name, found in metrics.items()]


def _by_past(name: str, trends: list[Trend]) -> Score:
    red = [one for one in trends if one.out]
    grey = [one for one in trends if one.z is None and not one.out]
    colour = Colour.RED if red else Colour.GREY if grey else Colour.GREEN
    worst = max(red, key=lambda one: abs(one.z or 0.0), default=grey[0] if grey else None)
    because = "" if worst is None else f"{worst.amplifier}: {worst.because}"
    return Score(metric=name, by="history", colour=colour, red=len(red), of=len(trends), because=because)


def _by_standing(comparison: Comparison | None) -> list[Score]:
    if comparison is None or not comparison.compared:
        return []
    worse = comparison.worse
    colour = Colour.RED if worse else Colour.GREEN
    because = "; ".join(worse)
    return [
        Score(
            metric="product",
            by="in force",
            colour=colour,
            red=len(worse),
            of=comparison.compared,
            because=because,
        )
    ]


def _alarms(measured: MeasurementReport, found: DetectorAssessment, rules: TrendRules) -> list[TestResult]:
    """Say each alarm as an advisory result, at the exposure that lies farthest out."""
    return [_alarm(measured, trend, rules) for trend in found.trends if trend.out]


def _alarm(measured: MeasurementReport, trend: Trend, rules: TrendRules) -> TestResult:
    middle = trend.history.median if trend.history is not None else 0.0
    values = {
        row.exposure_id: abs(value - middle)
        for row in measured.measurements
        if row.amplifier == trend.amplifier and (value := row.values.get(trend.metric)) is not None
    }
    return TestResult(
        test=f"{trend.metric}_{OUT_OF_FAMILY}",
        level="amplifier",
        exposure_id=max(values, key=lambda exposure: (values[exposure], exposure)),
        detector=measured.detector,
        amplifier=trend.amplifier,
        verdict=Verdict.FAIL,
        value=trend.z,
        limit=rules.limit,
        limits_version=rules.version,
        because=f"{trend.metric} is out of family: {trend.because}",
        advisory=True,
    )


def _with_score(
    one: DetectorReport, found: DetectorAssessment | None, alarms: list[TestResult], rules: ComparisonRules
) -> DetectorReport:
    if found is None:
        return one.model_copy(update={"score": Colour.RED, "score_reason": one.reason})
    total = found.total if one.accepted else Total(colour=Colour.RED, because=one.reason)
    scored = one.model_copy(update={"score": total.colour, "score_reason": total.because})
    worse = () if found.comparison is None else found.comparison.worse
    said = [f"{one.amplifier}: {one.because}" for one in alarms[:MOST_ALARMS]]
    if len(alarms) > MOST_ALARMS:
        said.append(f"{len(alarms) - MOST_ALARMS} more alarms")
    if worse and found.comparison is not None:
        words = f"{WORSE}, {found.comparison.in_force.product_id}: {'; '.join(worse)}"
        if rules.act == "fall back" and one.accepted:
            gives_way = {"accepted": False, "verdict": WORSE, "reason": f"{words}; that one stays in use"}
            return scored.model_copy(update=gives_way)
        said.append(words)
    if not said:
        return scored
    return scored.model_copy(update={"reason": f"{one.reason}; advisory: {'; '.join(said)}"})


def _in_set(one: DetectorReport) -> str:
    return f"detector {one.detector}: {one.score_reason}" if one.score_reason else ""
