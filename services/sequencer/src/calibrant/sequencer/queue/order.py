"""The order of what waits in a queue, and what a queue waits for itself. Pure; must not know tables nor commands."""

from __future__ import annotations

from collections.abc import Sequence

NOT_THERE = ("", "UNSPECIFIED", "OFFLINE")
"""Summary states in which a camera takes no command, and no run is begun for it; empty: it has told none."""


def placed(waiting: Sequence[str], run_id: str, place: int | None = None) -> list[str]:
    """Return the order with a run at a place, whether it waits already or is new.

    Parameters
    ----------
    waiting : sequence of str
        Runs, the next one first.
    run_id : str
        The run.
    place : int or None
        Its place, from 1; None, and places behind the last one: the end.

    Examples
    --------
    >>> placed(["a", "b", "c"], "c", 1)
    ['c', 'a', 'b']
    """
    others = [one for one in waiting if one != run_id]
    at = len(others) if place is None else place - 1
    return [*others[:at], run_id, *others[at:]]


def waits_for(*, paused_by: str, running: str, camera: str, camera_state: str) -> str:
    """Say why the next run is not begun now; empty: it is.

    Parameters
    ----------
    paused_by : str
        Who has paused the queue; empty: nobody.
    running : str
        The camera's run that goes on; empty: none.
    camera : str
        Name of the camera.
    camera_state : str
        Its summary state as last told; empty: it has told none.
    """
    if paused_by:
        return f"paused by {paused_by}"
    if running:
        return f"run {running} has not ended"
    if camera_state in NOT_THERE:
        said = f"is {camera_state}" if camera_state else "has said nothing yet"
        return f"camera {camera} {said}: start it, or bring it under control (enterControl)"
    return ""
