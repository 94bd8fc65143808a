"""The outbox as a relay sees it: some lanes of it for oneself, what waits in them, and its removal.

Owns claims. An outbox row belongs to a lane, chosen by its topic and key; within a lane rows go out in order. On a
server a claim locks its lanes until it ends, so that the relays of several processes share the work and none
waits for another. A file knows no such locks: relays that share one may send the same rows, which their readers drop.
What keeps the order is not the lock: whoever sends begins with the oldest row that is not removed, and removes
nothing that was not sent.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from sqlalchemy import delete, exists
from sqlmodel import Session, col, select

from calibrant.runtime.database import Database, DatabaseUnavailable
from calibrant.runtime.tables import LANES, OutboxLaneRow, OutboxRow

log = logging.getLogger(__name__)
BATCH = 200
"""Rows sent at once."""
AT_ONCE = LANES // 2
"""Most lanes of one claim: the others are left to other relays."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows to be sent, in order.

    Parameters
    ----------
    database : Database
        Where they are.
    rows : sequence of OutboxRow
        At least one.
    session : Session or None
        The transaction that keeps their lanes from other relays.
    open : ExitStack
        Ends that transaction.
    """

    database: Database
    rows: Sequence[OutboxRow]
    session: Session | None = None
    open: ExitStack = field(default_factory=ExitStack)

    def remove(self) -> None:
        """Remove the rows: they were sent.

        Raises
        ------
        DatabaseUnavailable
            The database is away; the rows are sent again, under the same identifiers.
        """
        try:
            with self.open:
                if self.session is not None:
                    self._delete(self.session)
                    return
        except DatabaseUnavailable as error:
            log.info("sending took longer than a transaction may last: %s", error)
        self._delete_anew()

    def release(self) -> None:
        """Leave the rows as they are, to any relay."""
        with suppress(DatabaseUnavailable), self.open:  # a lost transaction keeps nothing from anybody
            pass

    def _delete_anew(self) -> None:
        with self.database.writing_beside() as session:
            self._delete(session)

    def _delete(self, session: Session) -> None:
        numbers = [row.number for row in self.rows]
        session.execute(delete(OutboxRow).where(col(OutboxRow.number).in_(numbers)))


class Outbox:
    """One service's outbox.

    Parameters
    ----------
    database : Database
        The service's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = 0

    def claim(self) -> Claim | None:
        """Claim some of what waits; None when nothing does, or others have claimed it all.

        Raises
        ------
        DatabaseUnavailable
            The database is away.
        """
        if not self._database.is_shared:
            with self._database.reading() as session:
                rows = _oldest(session, range(LANES))
            return Claim(self._database, rows) if rows else None
        while True:
            with ExitStack() as stack:
                session = stack.enter_context(self._database.writing_beside())
                lanes = self._lock(session)
                if not lanes:
                    return None
                if rows := _oldest(session, lanes):
                    return Claim(self._database, rows, session, stack.pop_all())

    def _lock(self, session: Session) -> Sequence[int]:
        """Lock lanes in which something waits and which nobody has, each time beginning with other ones."""
        self._turn = (self._turn + AT_ONCE) % LANES
        waits = exists().where(col(OutboxRow.lane) == OutboxLaneRow.lane)
        turn = (col(OutboxLaneRow.lane) + (LANES - self._turn)) % LANES
        lanes = select(OutboxLaneRow.lane).where(waits).order_by(turn).limit(AT_ONCE)
        return session.exec(lanes.with_for_update(of=OutboxLaneRow, skip_locked=True)).all()


def _oldest(session: Session, lanes: Sequence[int]) -> Sequence[OutboxRow]:
    mine = select(OutboxRow).order_by(col(OutboxRow.number)).limit(BATCH)
    if len(lanes) < LANES:
        mine = mine.where(col(OutboxRow.lane).in_(lanes))
    rows = session.exec(mine).all()
    session.expunge_all()  # they outlive the transaction, however it ends
    return rows
