"""The gate: from test results to a decision.

``majority``, the procedure's rule taken literally (Rubin's base procedure): a set is refused when, for one and the
same type of test (a name at a level), the failed tests of a detector reach the threshold (where fewer tests exist,
their majority), in more than half of the detectors of an exposure, and in more than half of the exposures. A
detector is withheld when, for one type of test, it fails so in more than half of its exposures. Tests of a whole
exposure count once an exposure. Thresholds may replace each half.

``any``: a detector is withheld for one failed test, a set refused for one failed test of an exposure.

Never a pass: no results at all; a detector without any deciding result in an exposure, or an exposure or
detector that could not be processed: these fail there, in every type of test. Advisory results never count.
Must not know where results come from or what becomes of the decision.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from calibrant.rules.decision import Decision, GateCounts, GateThresholds, Outcome, ProcessingError, TypeCount
from calibrant.rules.tally import MEASURED, count
from calibrant.rules.verification.base import TestResult


def decide(  # noqa: PLR0917 - what was found, what was planned, what counts
    results: Iterable[TestResult],
    exposures: Sequence[str],
    detectors: Sequence[int],
    thresholds: GateThresholds | None = None,
    errors: Iterable[ProcessingError] = (),
    planned: Mapping[int, Collection[str]] | None = None,
) -> Decision:
    """Decide whether a set may be certified, and which detectors not.

    Parameters
    ----------
    results : iterable of TestResult
        Of all exposures, detectors and levels, in any order. The same result twice counts once.
    exposures : sequence of str
        Every exposure that was to be verified, measured or not.
    detectors : sequence of int
        Every detector of the set.
    thresholds : GateThresholds or None
        None: the defaults.
    errors : iterable of ProcessingError
        What could not be processed.
    planned : mapping of int to collection of str, or None
        By detector, the exposures in which it was to be verified, for a detector that was not to be in all of
        them; only what was planned and not measured counts as unmeasured.

    Returns
    -------
    Decision
        The same for any order of the input.

    Raises
    ------
    ValueError
        A result, error or plan of an exposure or detector that is not in the set, a result that was not
        planned, or two results that disagree about the same test.
    """
    limits = thresholds or GateThresholds()
    faults = sorted(errors, key=lambda e: (e.exposure_id, -1 if e.detector is None else e.detector, e.reason))
    counts = count(results, exposures, detectors, limits, faults, planned or {})
    everything = sorted(set(detectors))
    refused = [_why_refused(t, counts) for t in counts.types if t.fails]
    withheld = _withheld(counts, faults)
    if not counts.exposures or not everything:
        refused = ["nothing to verify: no exposures or no detectors"]
    elif not refused and len(withheld) == len(everything):
        refused = ["every detector is withheld"]
    if refused:
        outcome, reasons = Outcome.NOT_CERTIFIED, [*refused, *_why_failures(counts)]
        withheld = {d: withheld.get(d, f"the set is not certified: {refused[0]}") for d in everything}
    elif counts.failed or counts.unmeasured:
        outcome, reasons = Outcome.CERTIFIED_WITH_FAILURES, _why_failures(counts)
    else:
        outcome, reasons = Outcome.CERTIFIED, [f"all {counts.passed} deciding tests passed"]
    reasons += [
        f"exposure {e.exposure_id}{_of(e.detector)} could not be processed: {e.reason}" for e in faults
    ]
    return Decision(
        outcome=outcome,
        withheld=withheld,
        reasons=tuple(reasons),
        counts=counts,
        thresholds=limits,
    )


def _why_refused(found: TypeCount, counts: GateCounts) -> str:
    what = "no deciding result" if found.test == MEASURED else f"{found.test} ({found.level}) fails"
    detectors = counts.detectors_needed
    by_detectors = found.level != "exposure" and detectors is not None
    place = f" in at least {detectors} of {counts.detectors} detectors" if by_detectors else ""
    missing = {of for exposure, of in counts.unmeasured if exposure in found.failed_exposures}
    if place and missing and found.test != MEASURED:
        place += f" ({_without_result(missing)})"
    enough = (
        f"{found.exposures_needed} {'is' if found.exposures_needed == 1 else 'are'} enough to refuse the set"
    )
    return f"{what}{place} in {len(found.failed_exposures)} of {counts.exposures} exposures; {enough}"


def _without_result(detectors: Collection[int]) -> str:
    verb = (
        "has no result and counts as failing"
        if len(detectors) == 1
        else "have no result and count as failing"
    )
    return f"{len(detectors)} {verb}"


def _why_failures(counts: GateCounts) -> list[str]:
    reasons = []
    if counts.failed:
        reasons.append(f"{counts.failed} of {counts.failed + counts.passed} deciding tests failed")
    if counts.unmeasured:
        pairs = sum(counts.planned.values())
        reasons.append(f"{len(counts.unmeasured)} of {pairs} detector exposures have no deciding result")
    return reasons


def _withheld(counts: GateCounts, faults: Sequence[ProcessingError]) -> dict[int, str]:
    """Give the detectors that fail in too many of their exposures, with their reasons."""
    reasons: dict[int, list[str]] = {}
    unmeasured = {c.detector for c in counts.by_detector if c.withheld and c.test == MEASURED}
    for found in counts.by_detector:
        if not found.withheld or (found.detector in unmeasured and found.test != MEASURED):
            continue  # without results it fails every type of test: say the one thing that is so
        what = "no deciding result" if found.test == MEASURED else f"{found.test} ({found.level}) fails"
        why = f"{what} in {len(found.failed_exposures)} of {counts.planned[found.detector]} exposures"
        broken = [f.reason for f in faults if f.detector in (None, found.detector)]
        reasons.setdefault(found.detector, []).append(f"{why}: {broken[0]}" if broken else why)
    return {detector: "; ".join(whys) for detector, whys in sorted(reasons.items())}


def _of(detector: int | None) -> str:
    return "" if detector is None else f", detector {detector}"
