"""Counting for the gate: failures by type of test, detector and exposure; decides nothing.

A type of test is a name at a level. A detector without any deciding result in an exposure in which it was to be
verified, or that could not be processed there, is *unmeasured* and fails there in every type of test. An exposure
that was never planned for a detector counts neither for it nor against it. A test made once with all exposures of
the set counts in each of them.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from calibrant.rules.decision import CellCount, DetectorCount, GateCounts, ProcessingError, TypeCount
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification.base import TestResult, Verdict
from calibrant.rules.verification.scope import ALL_EXPOSURES, Level

MEASURED = "MEASURED"
"""Name of the type of test in which unmeasured detectors fail and nothing else does."""

TestType = tuple[Level, str]
_Place = tuple[str, int | None]
_Cells = dict[_Place, CellCount]
_Tests = Counter[tuple[TestType, _Place]]
_Counted = tuple[Level, str, str, int | None, bool, Verdict]


def count(  # noqa: PLR0917 - what was found, what was planned, what counts
    results: Iterable[TestResult],
    exposures: Sequence[str],
    detectors: Sequence[int],
    thresholds: GateThresholds,
    errors: Sequence[ProcessingError],
    planned: Mapping[int, Collection[str]],
) -> GateCounts:
    """Count everything that the gate decides by.

    Parameters
    ----------
    results : iterable of TestResult
        In any order; the same result twice counts once.
    exposures, detectors
        What was to be verified.
    thresholds : GateThresholds
        How many failures make a detector, an exposure and the set fail.
    errors : sequence of ProcessingError
        What could not be processed.
    planned : mapping of int to collection of str
        By detector, the exposures in which it was to be verified; a detector that is not named: in all.

    Returns
    -------
    GateCounts
        The same for any order of the input.

    Raises
    ------
    ValueError
        A result, error or plan from outside the set, or two results that disagree about the same test.
    """
    exposure_ids, detector_ids = sorted(set(exposures)), sorted(set(detectors))
    pairs = _pairs(exposure_ids, detector_ids, planned)
    counted = Counter(
        (r.level, r.test, r.exposure_id, r.detector, r.advisory, r.verdict) for r in _once(results)
    )
    places = {(exposure, detector) for _, _, exposure, detector, _, _ in counted}
    _check_places(places | {(e.exposure_id, e.detector) for e in errors}, exposure_ids, detector_ids, pairs)
    tests, failures, verdicts = _summed(counted)
    unmeasured = _unmeasured({place for _, place in tests}, errors, pairs)
    table = _Table(
        exposure_ids,
        {detector: [e for e, d in pairs if d == detector] for detector in detector_ids},
        {exposure: [d for e, d in pairs if e == exposure] for exposure in exposure_ids},
        thresholds,
        unmeasured,
    )
    cells = table.cells(tests, failures)
    kinds: list[TestType] = [*sorted(cells), ("detector", MEASURED)]
    by_detector = [table.detector_count(kind, d, cells.get(kind, {})) for kind in kinds for d in detector_ids]
    return GateCounts(
        exposures=len(exposure_ids),
        detectors=len(detector_ids),
        planned={d: len(table.exposures_of[d]) for d in detector_ids},
        failed_tests_threshold=thresholds.failed_tests,
        detectors_needed=thresholds.detectors_needed(len(detector_ids)),
        exposures_needed=thresholds.exposures_needed(len(exposure_ids)),
        results=counted.total(),
        passed=verdicts[False, Verdict.PASS],
        failed=verdicts[False, Verdict.FAIL],
        not_applicable=verdicts[False, Verdict.NOT_APPLICABLE],
        advisory=sum(number for (advisory, _), number in verdicts.items() if advisory),
        advisory_failed=verdicts[True, Verdict.FAIL],
        unmeasured=tuple(sorted(unmeasured)),
        cells=tuple(cell for places in cells.values() for cell in places.values() if cell.failed),
        types=tuple(table.type_count(kind, cells.get(kind, {})) for kind in kinds),
        by_detector=tuple(found for found in by_detector if found is not None),
    )


def _summed(counted: Mapping[_Counted, int]) -> tuple[_Tests, _Tests, Counter[tuple[bool, Verdict]]]:
    """Give the deciding tests and their failures by type and place, and the number of verdicts of each sort."""
    tests: _Tests = Counter()
    failures: _Tests = Counter()
    verdicts: Counter[tuple[bool, Verdict]] = Counter()
    for (level, test, exposure, detector, advisory, verdict), number in counted.items():
        verdicts[advisory, verdict] += number
        if not advisory and verdict is not Verdict.NOT_APPLICABLE:
            tests[(level, test), (exposure, detector)] += number
            failures[(level, test), (exposure, detector)] += number * (verdict is Verdict.FAIL)
    return tests, failures, verdicts


@dataclass(frozen=True, slots=True)
class _Table:
    """Counting over the set's exposures and detectors, and over the exposures planned for each detector."""

    exposures: list[str]
    exposures_of: Mapping[int, list[str]]
    detectors_of: Mapping[str, list[int]]
    thresholds: GateThresholds
    unmeasured: frozenset[tuple[str, int]]

    def cells(self, tests: _Tests, failures: _Tests) -> dict[TestType, _Cells]:
        """Give tests and failures by type and place, and whether those are too many."""
        cells: dict[TestType, _Cells] = defaultdict(dict)
        for kind, place in sorted(tests, key=lambda one: _sort_key(*one)):
            failed, needed = failures[kind, place], self.thresholds.tests_needed(tests[kind, place])
            cells[kind][place] = CellCount(
                test=kind[1],
                level=kind[0],
                exposure_id=place[0],
                detector=place[1],
                tests=tests[kind, place],
                failed=failed,
                needed=needed,
                fails=failed >= needed,
            )
        return cells

    def detector_fails(self, kind: TestType, exposure: str, detector: int, cells: _Cells) -> bool:
        """Tell whether a detector fails in an exposure for a type of test."""
        if (exposure, detector) in self.unmeasured:
            return True
        found = (cells.get((which, detector)) for which in (exposure, ALL_EXPOSURES))
        return kind[0] != "exposure" and any(cell is not None and cell.fails for cell in found)

    def exposure_fails(self, kind: TestType, exposure: str, cells: _Cells) -> bool:
        """Tell whether an exposure fails: its own test, or too many of its detectors."""
        own = cells.get((exposure, None))
        if own is not None and own.fails:
            return True
        detectors = self.detectors_of[exposure]
        needed = self.thresholds.detectors_needed(len(detectors))
        return (
            needed is not None
            and sum(self.detector_fails(kind, exposure, d, cells) for d in detectors) >= needed
        )

    def type_count(self, kind: TestType, mine: _Cells) -> TypeCount:
        """Count one type of test over all exposures."""
        failed = tuple(e for e in self.exposures if self.exposure_fails(kind, e, mine))
        needed = self.thresholds.exposures_needed(len(self.exposures))
        return TypeCount(
            test=kind[1],
            level=kind[0],
            tests=sum(cell.tests for cell in mine.values()),
            failed=sum(cell.failed for cell in mine.values()),
            failed_exposures=failed,
            exposures_needed=needed,
            fails=len(failed) >= needed,
        )

    def detector_count(self, kind: TestType, detector: int, mine: _Cells) -> DetectorCount | None:
        """Count one type of test in one detector over its exposures; None where it never fails."""
        exposures = self.exposures_of[detector]
        failed = tuple(e for e in exposures if self.detector_fails(kind, e, detector, mine))
        if not failed or kind[0] == "exposure":
            return None
        needed = self.thresholds.exposures_needed(len(exposures))
        return DetectorCount(
            test=kind[1],
            level=kind[0],
            detector=detector,
            failed_exposures=failed,
            exposures_needed=needed,
            withheld=len(failed) >= needed,
        )


def _sort_key(kind: TestType, place: _Place) -> tuple[str, str, str, int]:
    return (*kind, place[0], -1 if place[1] is None else place[1])


def _once(results: Iterable[TestResult]) -> Collection[TestResult]:
    """Give each result once.

    Raises
    ------
    ValueError
        Two results disagree about the same test.
    """
    given = list(results)
    keys = [(r.level, r.test, r.exposure_id, r.detector, r.amplifier) for r in given]
    kept = dict(zip(keys, given, strict=True))
    if len(kept) == len(given):
        return given
    for key, result in zip(keys, given, strict=True):
        if kept[key] != result:
            place = f"exposure {result.exposure_id}, detector {result.detector}, amplifier {result.amplifier}"
            raise ValueError(f"two results of {result.test} for {place} disagree: join one report a detector")
    return kept.values()


def _check_places(
    places: Iterable[_Place], exposures: list[str], detectors: list[int], pairs: list[tuple[str, int]]
) -> None:
    """Make sure that results and errors are of what was planned."""
    known, known_exposures, known_detectors = set(pairs), {*exposures, ALL_EXPOSURES}, set(detectors)
    for exposure, detector in sorted(places, key=str):
        if exposure not in known_exposures:
            raise ValueError(f"a result of exposure {exposure}, which is not in the set: list it")
        if detector is not None and detector not in known_detectors:
            raise ValueError(f"a result of detector {detector}, which is not in the set: list it")
        if detector is not None and exposure != ALL_EXPOSURES and (exposure, detector) not in known:
            raise ValueError(
                f"a result of exposure {exposure}, detector {detector}, which was not planned: plan it"
            )


def _pairs(
    exposures: list[str], detectors: list[int], planned: Mapping[int, Collection[str]]
) -> list[tuple[str, int]]:
    """Give each exposure and detector that was to be verified, in order."""
    asked = {d: set(planned.get(d, exposures)) for d in detectors}
    strange = sorted({*planned} - {*detectors})
    if strange:
        raise ValueError(f"exposures are planned for detector {strange[0]}, which is not in the set: list it")
    for detector, mine in asked.items():
        if exposures and not mine:
            raise ValueError(f"no exposure is planned for detector {detector}: leave it out of the set")
        outside = sorted(mine - {*exposures})
        if outside:
            raise ValueError(
                f"exposure {outside[0]} is planned for detector {detector} but is not in the set: list it"
            )
    return [(e, d) for e in exposures for d in detectors if e in asked[d]]


def _unmeasured(
    measured: set[_Place], errors: Sequence[ProcessingError], pairs: list[tuple[str, int]]
) -> frozenset[tuple[str, int]]:
    failed = {(f.exposure_id, f.detector) for f in errors}
    broken = {(e, d) for e, d in pairs if failed & {(e, d), (e, None)}}
    return frozenset(pair for pair in pairs if pair not in measured or pair in broken)
