"""Rubin's own gate, quirks and all, for comparison: the merge of an exposure's failures, then their formula.

Written from reference 5.2 and 6.1: the length counts the "SUCCESS" key (D3), failures are summed over detectors
(D1) and over exposures that fail in different tests (D2), and a flat's exposure keeps only what the exposure itself
failed in (D4). Knows nothing of our gate.
"""

THRESHOLD = 8


def run_statistics(exposures, failures, kind):
    """Make ``{exposure: {SUCCESS, FAILURES}, SUCCESS}`` of ``(exposure, level, words)`` that failed."""
    stats = {}
    for exposure in exposures:
        mine = [(level, words) for where, level, words in failures if where == exposure]
        if kind == "flat":  # a flat has a test of the exposure, and so a block that hides the detectors'
            mine = [(level, words) for level, words in mine if level == "exposure"]
        stats[exposure] = {"SUCCESS": not mine, "FAILURES": [words for _, words in mine]}
    stats["SUCCESS"] = not failures
    return stats


def outcome(stats, n_detectors, threshold=THRESHOLD):
    """Return what the script does with a calibration."""
    if stats["SUCCESS"]:
        return "certified"
    max_failed_exposures = int(len(stats) / 2) + 1
    max_failed_detectors = int(n_detectors / 2) + 1
    per_exposure = threshold * max_failed_detectors
    failed = 0
    for exposure, one in stats.items():
        if exposure == "SUCCESS":
            continue
        counts = {}
        for words in one["FAILURES"]:
            test = words.split()[-1]
            counts[test] = counts.get(test, 0) + 1
        failed += any(count >= per_exposure for count in counts.values())
    return "not certified" if failed >= max_failed_exposures else "certified with failures"
