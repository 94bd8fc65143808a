"""What is said where a metric has no number: that nobody measures it, and what there is. Knows no form of answer."""

from __future__ import annotations

from calibrant.verify.store import VerifyQueries


def unmeasured(verify: VerifyQueries, instrument: str, metric: str) -> str:
    """Say why a metric has no number at all; empty where it has some, or nothing was measured yet.

    Parameters
    ----------
    verify : VerifyQueries
        What was measured.
    instrument, metric : str
        Of which camera, and which number.
    """
    measured = verify.measured(instrument)
    if metric in measured:
        return ""
    if measured:
        return f"No exposure of {instrument} has a {metric}; there are {', '.join(measured)}."
    known = ", ".join(verify.instruments())
    return f"Nothing of {instrument} was measured; only of {known}." if known else ""
