"""A decision in words, for one detector: which test, value, limit, in how many exposures. Decides nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence

from calibrant.contracts.verify.v1 import GateCounts, GateTypeCount
from calibrant.rules.decision import Decision, DetectorCount, Outcome
from calibrant.rules.tally import MEASURED
from calibrant.rules.verification import ALL_EXPOSURES, TestResult, Verdict
from calibrant.verify.reports import Tally


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
        First what decided, then every type of test that failed, with its worst value and limit.
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
    for kind in dict.fromkeys((one.level, one.test) for one in failures):
        these = [one for one in failures if (one.level, one.test) == kind]
        words.append(_failed(counts.get(kind), these, exposures))
    return "; ".join(words) or f"all {tally(results).passed} deciding tests passed"


def _failed(count: DetectorCount | None, failures: Sequence[TestResult], exposures: int) -> str:
    """Describe the failures of one type of test in one detector."""
    first = failures[0]
    places = sorted({one.amplifier for one in failures if one.amplifier is not None})
    where = f"amplifier{'s' if len(places) > 1 else ''} {', '.join(places)}, " if places else ""
    ids = {one.exposure_id for one in failures}
    seen = exposures if ALL_EXPOSURES in ids else len(ids)
    if count is not None and count.withheld:
        text = f"{first.test} fails in {len(count.failed_exposures)} of {exposures} exposures; {count.exposures_needed} are enough to withhold"
    else:
        text = f"{first.test} failed in {seen} of {exposures} exposures, not enough to withhold"
    return f"{text} ({where}{_worst(failures)})"


def _worst(failures: Sequence[TestResult]) -> str:
    with_value = [one for one in failures if one.value is not None]
    if not with_value:
        return failures[0].because
    worst = max(with_value, key=lambda one: (abs(one.value or 0.0), one.exposure_id, one.amplifier or ""))
    at = f"{worst.amplifier}, " if worst.amplifier else ""
    exposure = "all exposures" if worst.exposure_id == ALL_EXPOSURES else f"exposure {worst.exposure_id}"
    return f"worst {worst.value:.4g} in {at}{exposure}, limit {worst.limit:g}"
