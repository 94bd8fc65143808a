"""What waits for a service: records in the log, rows in the outbox, open dead letters. Looked at now and then.

Owns the time between two looks, so that a scrape asks neither the log nor the database.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, func, select

from calibrant.bus.errors import TransientError
from calibrant.runtime import dead_letters
from calibrant.runtime.database import Database
from calibrant.runtime.tables import OutboxRow

log = logging.getLogger(__name__)
EVERY_S = 5.0
"""Seconds between two looks."""
Lag = Callable[[], Awaitable[Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was found at a look.

    Parameters
    ----------
    lag : mapping
        Records not dealt with, by topic.
    outbox_rows : int
        Events not sent yet.
    outbox_oldest_s : float or None
        When the oldest of them was emitted, seconds since 1970 UTC; None when there is none.
    dead_letters : int
        Open dead letters.
    looked_s : float
        When this was found, seconds since 1970 UTC; 0 before the first look.
    """

    lag: Mapping[str, int] = field(default_factory=dict)
    outbox_rows: int = 0
    outbox_oldest_s: float | None = None
    dead_letters: int = 0
    looked_s: float = 0.0


class Backlog:
    """Looks at what waits for one service.

    Parameters
    ----------
    database : Database
        The service's database.
    lag : coroutine function
        Tells how many records wait, by topic.
    """

    def __init__(self, database: Database, lag: Lag) -> None:
        self._database = database
        self._lag = lag
        self.waiting = Waiting()

    async def run(self) -> None:
        """Look again and again; while the log or the database is away, what was found last stands."""
        while True:
            try:
                await self.look()
            except TransientError as error:
                log.debug("the backlog is looked at later: %s", error)
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once.

        Raises
        ------
        TransientError
            The log or the database is away.
        """
        rows, oldest_s, dead = await asyncio.to_thread(self._stored)
        self.waiting = Waiting(await self._lag(), rows, oldest_s, dead, time.time())

    def _stored(self) -> tuple[int, float | None, int]:
        with self._database.reading() as session:
            rows = session.exec(select(func.count()).select_from(OutboxRow)).one()
            return rows, _oldest_s(session), dead_letters.count(session)


def _oldest_s(session: Session) -> float | None:
    query = select(OutboxRow.headers).order_by(col(OutboxRow.number)).limit(1)
    headers = session.exec(query).first()
    if headers is None:
        return None
    emitted_utc: str = dict(json.loads(headers))["ce_time"]
    return datetime.fromisoformat(emitted_utc).timestamp()
