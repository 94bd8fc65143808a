"""Sets of verification results as the gate gets them, built from what fails."""

from calibrant.rules.decision import Outcome
from calibrant.rules.verification import TestResult as Result
from calibrant.rules.verification import Verdict

CERTIFIED, WITH_FAILURES, REFUSED = Outcome.CERTIFIED, Outcome.CERTIFIED_WITH_FAILURES, Outcome.NOT_CERTIFIED


def noise(exposures, detectors=1, amplifiers=16):
    return [
        {
            "test": "NOISE",
            "level": "amplifier",
            "exposures": exposures,
            "detectors": detectors,
            "amplifiers": amplifiers,
        }
    ]


def result(test, level, exposure, detector=None, amplifier=None, *, verdict=Verdict.PASS, advisory=False):
    return Result(
        test=test, level=level, exposure_id=exposure, detector=detector, amplifier=amplifier,
        verdict=verdict, because="as built", advisory=advisory,
    )  # fmt: skip


def build(exposures, detectors, failing, amplifiers=16):
    """Every test passes everywhere but where the case says it fails."""
    names = [f"e{i:02d}" for i in range(exposures)]
    failed = set()
    taken = 0
    for f in failing:
        start = taken if f.get("other_exposures") else 0
        taken = start + f["exposures"]
        for e in names[start:taken]:
            for d in range(f.get("detectors", 1)) if f["level"] != "exposure" else [None]:
                for a in range(f["amplifiers"]) if f["level"] == "amplifier" else [None]:
                    failed.add((f["test"], f["level"], e, d, None if a is None else f"C{a:02d}"))
    places = {("NOISE", "amplifier"), *((f["test"], f["level"]) for f in failing)}
    out = []
    for test, level in sorted(places):
        for e in names:
            for d in range(detectors) if level != "exposure" else [None]:
                for a in [f"C{i:02d}" for i in range(amplifiers)] if level == "amplifier" else [None]:
                    verdict = Verdict.FAIL if (test, level, e, d, a) in failed else Verdict.PASS
                    out.append(result(test, level, e, d, a, verdict=verdict))
    return out, names, list(range(detectors))
