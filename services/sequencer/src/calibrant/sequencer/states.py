"""The states of a run: what each means, and which one follows from what is still to come. Knows no table."""

from collections.abc import Collection
from enum import StrEnum

from calibrant.sequencer.plan.model import NodeType


class RunState(StrEnum):
    """How far a run is; the last four are final, unless what failed is tried again."""

    PLANNED = "planned"  # accepted; nobody has been asked for anything yet
    TAKING = "taking"  # frames are to come; what is there is worked on meanwhile
    PROCESSING = "processing"  # all frames are there, and something is still to be made
    VERIFYING = "verifying"  # all is made, and something is still to be measured or decided
    CERTIFYING = "certifying"  # all is decided, and something is still to be certified
    DONE = "done"
    DONE_WITH_FAILURES = "done with failures"  # something was withheld, or could not be done
    FAILED = "failed"  # nothing could be done
    STOPPED = "stopped"  # somebody has stopped it


ENDED = frozenset({RunState.DONE, RunState.DONE_WITH_FAILURES, RunState.FAILED, RunState.STOPPED})
"""States in which nothing is to come."""

ON_CAMERA = frozenset({RunState.PLANNED, RunState.TAKING})
"""States in which a run that takes exposures has its camera to itself."""


def stage(*, taking: bool, open_types: Collection[str]) -> RunState:
    """Return the state of a run that has begun and not ended.

    Parameters
    ----------
    taking : bool
        Whether frames are to come.
    open_types : collection of str
        Types of its plan nodes that have not ended.
    """
    if taking:
        return RunState.TAKING
    if NodeType.BUILD in open_types:
        return RunState.PROCESSING
    deciding = {NodeType.MEASURE, NodeType.DECIDE} & set(open_types)
    return RunState.VERIFYING if deciding else RunState.CERTIFYING
