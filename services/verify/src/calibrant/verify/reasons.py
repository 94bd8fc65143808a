"""A decision in words, for one detector: which test, value, limit, in how many exposures. Decides nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from calibrant.contracts.verify.v1 import GateCounts, GateTypeCount
from calibrant.rules.decision import Decision, DetectorCount, Outcome
from calibrant.rules.tally import MEASURED
from calibrant.rules.verification import ALL_EXPOSURES, Level, TestResult, Verdict
from calibrant.verify.reports import Tally

MOST_NAMED: Final = 8
"""Amplifiers up to which a reason names each."""
MOST_REASONS: Final = 2
"""Different reasons of its amplifiers that the reason of a detector has."""


def tally(results: Iterable[TestResult]) -> Tally:
    """Count verdicts; advisory ones apart."""
    counted = Counter((one.advisory, one.verdict) for one in results)
    return Tally(
        passed=counted[False, Verdict.PASS],
        failed=counted[False, Verdict.FAIL],
        not_applicable=counted[False, Verdict.NOT_APPLICABLE],
        advisory_failed=counted[True, Verdict.FAIL],
    )


def counts_of(decision: Decision) -> GateCounts:
    """Return the counts behind a decision as the contract has them."""
    counts = decision.counts
    return GateCounts(
        exposures=counts.exposures,
        detectors=counts.detectors,
        detectors_needed=counts.detectors_needed,
        exposures_needed=counts.exposures_needed,
        passed=counts.passed,
        failed=counts.failed,
        not_applicable=counts.not_applicable,
        advisory_failed=counts.advisory_failed,
        unmeasured=len(counts.unmeasured),
        withheld=len(decision.withheld),
        types=tuple(
            GateTypeCount(
                test=one.test,
                level=one.level,
                tests=one.tests,
                failed=one.failed,
                failed_exposures=len(one.failed_exposures),
                exposures_needed=one.exposures_needed,
                fails=one.fails,
            )
            for one in counts.types
        ),
    )


def reason_of(detector: int, decision: Decision, results: Sequence[TestResult]) -> str:
    """Say why a detector was decided on as it was.

    Parameters
    ----------
    detector : int
        The detector.
    decision : Decision
        The gate's decision on the set.
    results : sequence of TestResult
        The detector's own.

    Returns
    -------
    str
        A first sentence says what decided; one for each type of test that failed has the worst value and the limit.
    """
    failures = [one for one in results if one.verdict is Verdict.FAIL and not one.advisory]
    counts = {(c.level, c.test): c for c in decision.counts.by_detector if c.detector == detector}
    words = []
    if decision.outcome is Outcome.NOT_CERTIFIED:
        words.append(f"the set is not certified: {decision.reasons[0]}")
    unmeasured = counts.get(("detector", MEASURED))
    exposures = decision.counts.planned[detector]
    if unmeasured is not None:
        why = f"no deciding result in {len(unmeasured.failed_exposures)} of {exposures} exposures"
        words.append(decision.withheld[detector] if unmeasured.withheld else why)
    alike: dict[_How, list[str]] = {}
    for kind, these in _by_type(failures).items():
        alike.setdefault(_how(counts.get(kind), these), []).append(kind[1])
    words += [_failed(how, tests, exposures) for how, tests in alike.items()]
    first = "; ".join(words) or f"all {tally(results).passed} deciding tests passed"
    return ". ".join((first, *_where(failures)))


class _How(NamedTuple):
    """In how many exposures a type of test failed (None: with all together), and what follows.

    ``withheld_by``: how many of them are enough to withhold; None: they do not. ``fails``: whether the detector fails
    in some of them, and not only too few of its amplifiers.
    """

    seen: int | None
    withheld_by: int | None
    fails: bool


def _by_type(failures: Iterable[TestResult]) -> dict[tuple[Level, str], list[TestResult]]:
    found: dict[tuple[Level, str], list[TestResult]] = {}
    for one in failures:
        found.setdefault((one.level, one.test), []).append(one)
    return found


def _how(count: DetectorCount | None, failures: Sequence[TestResult]) -> _How:
    if count is not None and count.withheld:
        return _How(len(count.failed_exposures), count.exposures_needed, fails=True)
    ids = {one.exposure_id for one in failures}
    return _How(None if ALL_EXPOSURES in ids else len(ids), None, fails=count is not None)


def _failed(how: _How, tests: Sequence[str], exposures: int) -> str:
    """Say of the tests that failed alike in how many exposures they did, and what follows."""
    seen = f"in {how.seen} of {exposures} exposures" if how.seen else "with all exposures together"
    if how.withheld_by is None:
        few = "not enough" if how.fails else "in too few amplifiers"
        return f"{', '.join(tests)} failed {seen}, {few} to withhold"
    enough = f"{how.withheld_by} {'is' if how.withheld_by == 1 else 'are'} enough to withhold"
    return f"{', '.join(tests)} {'fails' if len(tests) == 1 else 'fail'} {seen}, {enough}"


def _where(failures: Sequence[TestResult]) -> list[str]:
    """Say where each type of test failed in one detector, and the worst of it; once of all that failed alike."""
    alike: dict[str, list[str]] = {}
    for (_, test), these in _by_type(failures).items():
        alike.setdefault(_place(these) + ": " + _worst(these), []).append(test)
    return [f"{', '.join(tests)}{rest}" for rest, tests in alike.items()]


def _place(failures: Sequence[TestResult]) -> str:
    places = sorted({one.amplifier for one in failures if one.amplifier is not None})
    if len(places) > MOST_NAMED:
        return f" in {len(places)} amplifiers"
    return f" in amplifier{'s' if len(places) > 1 else ''} {', '.join(places)}" if places else ""


def _worst(failures: Sequence[TestResult]) -> str:
    with_value = [one for one in failures if one.value is not None]
    if not with_value:
        return _told([one.because for one in failures])
    worst = max(with_value, key=lambda one: (abs(one.value or 0.0), one.exposure_id, one.amplifier or ""))
    at = f"{worst.amplifier}, " if worst.amplifier else ""
    exposure = "all exposures" if worst.exposure_id == ALL_EXPOSURES else f"exposure {worst.exposure_id}"
    return f"worst {worst.value:.4g} in {at}{exposure}, limit {worst.limit:g}"


def _told(reasons: Sequence[str]) -> str:
    """Say why there are no values: all that is different, up to a few."""
    different = list(dict.fromkeys(reasons))
    more = f"; and {len(different) - MOST_REASONS} other reasons" if len(different) > MOST_REASONS else ""
    return "; ".join(different[:MOST_REASONS]) + more
