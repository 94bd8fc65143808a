"""What the page says, as plain values: sentences, failures by place, what the gate counted. Must not know HTML."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from calibrant.rules.verification import ALL_EXPOSURES, TestResult, Verdict, tests_for
from calibrant.verify.reports import MeasurementReport, SetReport

SIGNS: Final[Mapping[str, str]] = {
    "certified": "✓",
    "certified with failures": "!",
    "worse than the one in force": "✕",
    "withheld": "✕",
    "not certified": "✕",
}
"""A shape for every verdict, so that none is told by its colour alone."""


TONES: Final[Mapping[str, str]] = {
    "certified": "good",
    "certified with failures": "warn",
    "worse than the one in force": "bad",
    "withheld": "bad",
    "not certified": "bad",
}

MOST_PLACES: Final = 1000
"""Lines of failures by amplifier; where there would be more, they are by detector."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The failures of one test at one place, over the exposures."""

    test: str
    where: str
    exposures: str
    value: str
    limit: str
    worst_in: str
    why: str


@dataclass(frozen=True, slots=True)
class TestLine:
    """One test of the kind: its limit in force, and how often it passed."""

    key: str
    passes_when: str
    limit: str
    counts: str
    passed: int
    failed: int
    not_applicable: int
    farthest: str
    source: str


class Names:
    """Names of detectors and numbers of exposures, as the page has them.

    Parameters
    ----------
    report : SetReport
        The report.
    measured : mapping of int to MeasurementReport
        The measurements, by detector.
    """

    def __init__(self, report: SetReport, measured: Mapping[int, MeasurementReport]) -> None:
        self._names = {detector: one.detector_name for detector, one in measured.items()}
        self.number = {exposure: index for index, exposure in enumerate(report.exposures, 1)}

    def detector(self, detector: int) -> str:
        """Return a detector's number and name."""
        name = self._names.get(detector, "")
        return f"{detector} ({name})" if name and name != str(detector) else str(detector)

    def exposures(self, ids: Iterable[str]) -> str:
        """Return exposures by their numbers on the page: "1-4, 7"."""
        asked = set(ids)
        return ranges(self.number.values() if ALL_EXPOSURES in asked else (self.number[one] for one in asked))

    def count(self, ids: Collection[str]) -> int:
        """Return how many exposures these are: all, where a test was made with all of them together."""
        return len(self.number) if ALL_EXPOSURES in ids else len(ids)


def ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers as ranges: "1-4, 7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def sentence(text: str) -> str:
    """Write words as a sentence: with a capital, unless they begin with a name, and one full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def number(value: float | None, unit: str = "1") -> str:
    """Write a number with its unit, four digits long; a dash for none."""
    if value is None:
        return "-"
    text = f"{value:.4g}"
    return text if unit == "1" else f"{text} {unit}"


def lead(report: SetReport) -> str:
    """Say in one sentence what became of the set."""
    accepted = sum(one.accepted for one in report.detectors)
    total = len(report.detectors)
    many = "1 detector" if total == 1 else f"{total} detectors"
    many = f"{accepted} of {many}" if 0 < accepted < total else many
    what = (
        f"The {report.kind} of {many}"
        if report.mode == "internal"
        else f"The certified {report.kind} of {many}"
    )
    if report.decision.outcome == "not certified":
        verb = "may not be certified" if report.mode == "internal" else "does not fit these frames"
        return f"{what} {verb}: {report.decision.reasons[0]}."
    verb = "may be certified" if report.mode == "internal" else "still holds"
    return f"{what} {verb}: {report.decision.reasons[0]}."


def scored(report: SetReport) -> str:
    """Say how the set scores, and which detectors score so."""
    colour = report.assessment.total.colour
    these = [one.detector for one in report.detectors if one.score is colour]
    text = f"The set scores {colour}"
    if len(report.detectors) == 1 or not these:
        return f"{text}."
    if len(these) == len(report.detectors):
        return f"{text}, as do all detectors."
    return f"{text}, as {'does detector' if len(these) == 1 else 'do detectors'} {ranges(these)}."


def gate_lines(report: SetReport) -> list[tuple[str, str]]:
    """Say what the gate's rule asks for and what it counted, as names and words."""
    counts = report.decision.counts
    passed = f"{counts.passed} passed, {counts.failed} failed, {counts.not_applicable} not applicable"
    return [
        *_rule(report),
        ("Tests that count", passed),
        ("Advisory tests", f"{counts.advisory}, of which {counts.advisory_failed} beyond their limit"),
        ("Not measured", f"{len(counts.unmeasured)} detectors and exposures; they fail every type of test"),
    ]


def _rule(report: SetReport) -> list[tuple[str, str]]:
    gate, counts = report.thresholds, report.decision.counts
    if gate.rule == "any":
        return [("Rule", "any: one failed test withholds its detector; one of an exposure refuses the set")]
    fewer = f"where there are fewer, when more than {gate.tests_fraction:.0%} of them do"
    detectors = f"more than {gate.detectors_fraction:.0%} of its detectors fail"
    exposures = f"more than {gate.exposures_fraction:.0%} of the exposures fail"
    return [
        ("Rule", "majority, of tests of one type, of detectors and of exposures"),
        ("A detector fails in an exposure", f"when {gate.failed_tests} tests of one type fail; {fewer}"),
        ("An exposure fails", f"when {detectors}: {counts.detectors_needed} of {counts.detectors}"),
        ("Refused or withheld", f"when {exposures}: {counts.exposures_needed} of {counts.exposures}"),
    ]


def failures(results: Iterable[TestResult], names: Names) -> list[Failure]:
    """Return what failed, one line a test and place; every failed test is in one of them.

    Where places are very many, a line is of a detector and names its amplifiers.

    Parameters
    ----------
    results : iterable of TestResult
        Those that failed.
    names : Names
        What places are called.
    """
    failed = list(results)
    found = _grouped(failed, lambda one: one.amplifier or "")
    if len(found) > MOST_PLACES:
        found = _grouped(failed, lambda _: "")
    return [_failure(these, names) for _, these in sorted(found.items(), key=itemgetter(0))]


def _grouped(
    results: Iterable[TestResult], place: Callable[[TestResult], str]
) -> Mapping[tuple[str, str, int, str], list[TestResult]]:
    found: dict[tuple[str, str, int, str], list[TestResult]] = defaultdict(list)
    for one in results:
        detector = -1 if one.detector is None else one.detector
        found[one.level, one.test, detector, place(one)].append(one)
    return found


def _failure(these: Sequence[TestResult], names: Names) -> Failure:
    worst = max(these, key=lambda one: (one.value is None, abs(one.value or 0.0), one.exposure_id))
    exposures = {one.exposure_id for one in these}
    return Failure(
        test=worst.test,
        where=_where(these, names),
        exposures=_seen(exposures, names),
        value=number(worst.value, worst.unit),
        limit=number(worst.limit, worst.unit),
        worst_in=_worst_in(worst.exposure_id, names),
        why=worst.because,
    )


def _seen(exposures: Collection[str], names: Names) -> str:
    """Say in how many exposures, and in which unless in all."""
    count, total = names.count(exposures), len(names.number)
    numbers = names.exposures(exposures).replace("-", "\N{NON-BREAKING HYPHEN}")
    return f"all {total}" if count == total else f"{count} of {total}: no. {numbers}"


def _worst_in(exposure_id: str, names: Names) -> str:
    if exposure_id == ALL_EXPOSURES:
        return "all exposures together"
    return f"{exposure_id} (no. {names.number[exposure_id]})"


def _where(these: Sequence[TestResult], names: Names) -> str:
    if these[0].detector is None:
        return "the whole exposure"
    place = f"detector {names.detector(these[0].detector)}"
    amplifiers = sorted({one.amplifier for one in these if one.amplifier is not None})
    if not amplifiers:
        return place
    return f"{place}, amplifier{'s' if len(amplifiers) > 1 else ''} {', '.join(amplifiers)}"


def test_lines(report: SetReport, results: Sequence[TestResult]) -> list[TestLine]:
    """Return every test of the kind with the limit in force and its counts, those that decide first."""
    lines = []
    counts = Counter((one.level, one.test, one.verdict) for one in results)
    for test in sorted(tests_for(report.kind), key=lambda one: one.advisory):
        mine = [one for one in results if (one.level, one.test) == (test.level, test.name)]
        limits = sorted({one.limit for one in mine if one.limit is not None}) or [test.limit]
        values = [one.value for one in mine if one.value is not None]
        lines.append(
            TestLine(
                key=test.key,
                passes_when=test.summary,
                limit=" to ".join(number(one, test.unit) for one in dict.fromkeys((limits[0], limits[-1]))),
                counts="advisory" if test.advisory else "decides",
                passed=counts[test.level, test.name, Verdict.PASS],
                failed=counts[test.level, test.name, Verdict.FAIL],
                not_applicable=counts[test.level, test.name, Verdict.NOT_APPLICABLE],
                farthest=number(max(values, default=None), test.unit),
                source=test.source,
            )
        )
    return lines


test_lines.__test__ = False  # type: ignore[attr-defined]  # not a test case, whatever pytest thinks of the name
