"""Named places between the steps of delivery, where a test may kill the process.

Owns the names of the steps. In production the probe does nothing.
"""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A place that a record passes on its way."""

    FETCHED = "fetched"
    CLAIMED = "claimed"
    COMPUTED = "computed"
    ARTIFACT_PUT = "artifact-put"
    BEFORE_COMMIT = "before-commit"
    COMMITTED = "committed"
    RELAYED = "relayed"
    MARKED_SENT = "marked-sent"
    OFFSET_COMMITTED = "offset-committed"


class Probe:
    """Hears every step; does nothing."""

    def at(self, step: Step) -> None:
        """Hear that a step is reached."""
