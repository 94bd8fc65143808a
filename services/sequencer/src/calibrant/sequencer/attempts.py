"""What counts as an attempt at an exposure, and how long one may go on; must not know how commands are made."""

from typing import Final

from sqlmodel import Session, col, func, select

from calibrant.rules.times import NS_PER_S
from calibrant.sequencer.store.tables import CommandRow

UNCOUNTED: Final = ("stalled", "put off")
"""States of commands that ended though nothing had gone wrong: the camera had no room, was busy, or in another state."""


def uncounted(session: Session, step_id: str) -> int:
    """Count the commands for an exposure that are no attempts at it."""
    mine = (CommandRow.step_id == step_id, col(CommandRow.state).in_(UNCOUNTED))
    return session.exec(select(func.count()).select_from(CommandRow).where(*mine)).one()


def begin_s(session: Session, step_id: str, name: str, otherwise_s: float, now_tai_ns: int) -> float:
    """Return how late a command may begin, s: where it was put off, what is left of the time it had.

    Parameters
    ----------
    session : Session
        The transaction.
    step_id : str
        The exposure it is for.
    name : str
        Its name.
    otherwise_s : float
        How late it may begin where it was not put off, s.
    now_tai_ns : int
        The time, TAI ns.
    """
    mine = (CommandRow.step_id == step_id, CommandRow.name == name)
    last = session.exec(select(CommandRow).where(*mine).order_by(col(CommandRow.attempt).desc())).first()
    if last is None or last.state != "put off":
        return otherwise_s
    return max(last.begin_by_tai_ns - now_tai_ns, 0) / NS_PER_S
