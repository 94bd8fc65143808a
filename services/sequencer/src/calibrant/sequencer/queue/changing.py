"""One change of a queue in a transaction of its own, as people ask for it: over HTTP or from a command line."""

from __future__ import annotations

from collections.abc import Callable

from calibrant.runtime.access.callers import Caller
from calibrant.runtime.ids import RandomIds
from calibrant.sequencer.queue.desk import Desk, check_component
from calibrant.sequencer.service import SequencerService


def change(service: SequencerService, component: str, caller: Caller, wish: Callable[[Desk], str]) -> str:
    """Change a camera's queue.

    Parameters
    ----------
    service : SequencerService
        The sequencer.
    component : str
        The camera.
    caller : Caller
        Who asks.
    wish : callable
        ``wish(desk)`` does it, and returns what was done.

    Raises
    ------
    NotInQueue, QueueRefused, RunRefused
        It cannot be done, and nothing is changed.
    """
    with service.work(f"change queue:{RandomIds().new()}", "") as unit:
        check_component(unit.session, service, component)
        desk = Desk(unit.session, service, component, caller)
        told = wish(desk)
        unit.emit(desk.sent)
        return told
