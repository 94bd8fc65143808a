"""What verify tells of a set that it decided on, for tests of those who hear it. Owns no expectations."""

from typing import Any

from calibrant.contracts.common.v1 import DataRef
from calibrant.contracts.verify.v1 import (
    DetectorDecision,
    Gate,
    GateCounts,
    VerificationCompleted,
    VerificationMode,
)


def verification_completed(*decisions: DetectorDecision, gate: Gate, **changed: Any) -> VerificationCompleted:
    """Make the report on a set of biases.

    Parameters
    ----------
    decisions : DetectorDecision
        What each detector may do.
    gate : Gate
        By what it was decided.
    changed
        Fields that are others; without them it is the internal report ``r1`` on simcam's set of a night, certified.
    """
    given: dict[str, Any] = {
        "job_id": "decide-r1",
        "report_id": "r1",
        "kind": "bias",
        "mode": VerificationMode.INTERNAL,
        "instrument": "simcam",
        "set_key": "20260101",
        "outcome": "certified",
        "report": DataRef(uri="objects:reports/r.json", sha256="x", size_bytes=1, media_type="t"),
        "counts": GateCounts(
            exposures=3,
            detectors=1,
            exposures_needed=2,
            passed=9,
            failed=0,
            not_applicable=0,
            advisory_failed=0,
            unmeasured=0,
            withheld=0,
        ),
        "limits_version": "default-1",
    }
    return VerificationCompleted(decisions=decisions, gate=gate, **(given | changed))
