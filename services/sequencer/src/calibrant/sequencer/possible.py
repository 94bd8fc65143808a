"""Whether the exposures of a run can be taken, and can give what it asks for. Knows no frames that have come."""

from collections.abc import Sequence

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.sequencer.checking import RunRefused


def check_filters(request: RunRequested, known: Sequence[str] | None) -> None:
    """Make sure that the camera has the filters that exposures are asked for in.

    Parameters
    ----------
    request : RunRequested
        With a folder, its exposures only choose frames: whatever filter those have.
    known : sequence of str or None
        Filters of the camera; None: nobody knows them.

    Raises
    ------
    RunRefused
        It has not; the text says which there are.
    """
    if request.folder or known is None:
        return
    strange = sorted({asked.filter for asked in request.exposures} - {"", *known})
    if strange:
        there = f"it has {', '.join(known)}" if known else "it has none, leave it out"
        raise RunRefused(f"filter: {request.instrument} has no filter {strange[0]!r}; {there}")
