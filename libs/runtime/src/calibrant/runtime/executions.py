"""Executions: one row for each attempt at a job, written before it begins.

Owns the ``execution`` table's life; every function works in the caller's transaction. Attempts that led to a
dead letter bear its identifier and do not count any more when the letter is replayed.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, update
from sqlmodel import Session, col, func, select

from calibrant.runtime.clock import Clock
from calibrant.runtime.tables import ExecutionRow

FAILURES = ("crashed", "retried")
"""States of attempts that failed and may be made again."""


def begin(session: Session, clock: Clock, row: ExecutionRow) -> int:
    """Write down an attempt before it begins; return how many of its job were still open: interrupted.

    Mostly their process has ended. One whose lease has run out may live and compute on: then this attempt computes
    the same beside it, whichever is recorded first is the result, and each attempt ends with its own word (``end``),
    which takes "interrupted" back. An attempt that is written down already stays as it is: its commit went through
    and the answer was lost.
    """
    if session.get(ExecutionRow, row.execution_id) is not None:
        return 0
    interrupted = _interrupt(session, clock, col(ExecutionRow.job_id) == row.job_id)
    row.attempt = 1 + _count_all(session, row.event_id)
    row.begun_tai_ns = row.alive_tai_ns = clock.tai_ns()
    session.add(row)
    return interrupted


def _interrupt(session: Session, clock: Clock, which: ColumnElement[bool]) -> int:
    """Close attempts whose process ended without a word; return how many."""
    ended = session.connection().execute(
        update(ExecutionRow)
        .where(which, col(ExecutionRow.state) == "running")
        .values(state="interrupted", ended_tai_ns=clock.tai_ns())
    )
    return ended.rowcount


def end(
    session: Session, clock: Clock, execution_id: str, state: str, *, error: str = "", backend: str = ""
) -> None:
    """Write down how an attempt ended."""
    session.execute(
        update(ExecutionRow)
        .where(col(ExecutionRow.execution_id) == execution_id)
        .values(state=state, error=error, backend=backend, ended_tai_ns=clock.tai_ns())
    )


def count(session: Session, event_id: str, *states: str) -> int:
    """Count an event's attempts in these states that led to no dead letter yet."""
    query = select(func.count()).select_from(ExecutionRow)
    mine = col(ExecutionRow.event_id) == event_id, col(ExecutionRow.letter_id).is_(None)
    return session.exec(query.where(*mine, col(ExecutionRow.state).in_(states))).one()


def settle(session: Session, clock: Clock, event_id: str, letter_id: str) -> int:
    """Put an event's attempts down to a dead letter; return how many they were."""
    _interrupt(session, clock, col(ExecutionRow.event_id) == event_id)
    open_ones = col(ExecutionRow.event_id) == event_id, col(ExecutionRow.letter_id).is_(None)
    attempts = session.exec(select(func.count()).select_from(ExecutionRow).where(*open_ones)).one()
    session.execute(update(ExecutionRow).where(*open_ones).values(letter_id=letter_id))
    return attempts


def _count_all(session: Session, event_id: str) -> int:
    mine = col(ExecutionRow.event_id) == event_id
    return session.exec(select(func.count()).select_from(ExecutionRow).where(mine)).one()
