"""Leases on jobs: who computes one says so again and again; whoever else is given it waits until it is done or the word fails.

Owns what one service's process holds, and what it has seen of others. Clocks of two hosts are never compared: a lease
has run out when its value was not seen to change for so long, on the clock of who looks. Where both run on one machine
the end of a process is seen at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import update
from sqlmodel import Session, col, select

from calibrant.bus.errors import CalibrantError
from calibrant.bus.process import Process
from calibrant.runtime.clock import Clock
from calibrant.runtime.database import Database, DatabaseUnavailable
from calibrant.runtime.tables import ExecutionRow

log = logging.getLogger(__name__)
BEATS = 5
"""How often a lease is renewed, and looked at by others, while it lasts."""


class ComputedElsewhere(CalibrantError):
    """Another attempt at the job is under way: look again later; nothing has failed.

    Parameters
    ----------
    what
        For people.
    again_s
        When to look again, in seconds.
    """

    def __init__(self, what: str, again_s: float) -> None:
        super().__init__(what)
        self.again_s = again_s


class Leases:
    """The leases of one process of a service.

    Parameters
    ----------
    database : Database
        The service's own.
    clock : Clock
        The time.
    name : str
        What tells this process of the service from others within one operating system's process.
    lease_s : float
        How long a lease lasts that is not renewed, in seconds.
    """

    def __init__(self, database: Database, clock: Clock, name: str, lease_s: float) -> None:
        self._database = database
        self._clock = clock
        self._lease_s = lease_s
        self._process = Process.current()
        self.owner = "|".join((self._process.scope, str(self._process.pid), self._process.started, name))
        self._held: set[str] = set()
        self._seen: dict[str, tuple[tuple[str, int], float]] = {}

    @contextmanager
    def held(self, execution_id: str) -> Iterator[None]:
        """Hold an attempt, from before it is written down to its end."""
        self._held.add(execution_id)
        try:
            yield
        finally:
            self._held.discard(execution_id)

    def check(self, session: Session, job_id: str, execution_id: str) -> None:
        """Make sure that nobody computes a job.

        Parameters
        ----------
        session : Session
            The transaction in which this attempt is to be written down.
        job_id : str
            The job.
        execution_id : str
            This attempt.

        Raises
        ------
        ComputedElsewhere
            Another attempt holds a lease that has not run out.
        """
        others = col(ExecutionRow.job_id) == job_id, col(ExecutionRow.execution_id) != execution_id
        running = session.exec(
            select(ExecutionRow).where(*others, col(ExecutionRow.state) == "running")
        ).all()
        live = [row for row in running if self._lives(row)]
        if live:
            raise ComputedElsewhere(f"job {job_id} is computed on {live[0].host}", self._lease_s / BEATS)
        self._seen.pop(job_id, None)

    async def run(self) -> None:
        """Renew what is held, for ever."""
        while True:
            await asyncio.sleep(self._lease_s / BEATS)
            try:
                await asyncio.to_thread(self.renew)
            except DatabaseUnavailable as error:  # which nobody can look into either
                log.warning("leases are not renewed: %s", error)

    def renew(self) -> None:
        """Renew what is held, once."""
        held = tuple(self._held)
        if not held:
            return
        mine = col(ExecutionRow.execution_id).in_(held), col(ExecutionRow.state) == "running"
        with self._database.writing_beside() as session:
            session.execute(update(ExecutionRow).where(*mine).values(alive_tai_ns=self._clock.tai_ns()))

    def _lives(self, row: ExecutionRow) -> bool:
        if row.execution_id in self._held:
            return True
        scope, pid, started, _ = row.owner.split("|")
        if row.owner == self.owner or self._process.saw_end_of(Process(scope, int(pid), started)):
            return False
        value, now_s = (row.execution_id, row.alive_tai_ns), self._clock.monotonic_s()
        seen, since_s = self._seen.get(row.job_id, (None, now_s))
        if seen != value:
            seen, since_s = self._seen[row.job_id] = value, now_s
        return now_s - since_s < self._lease_s
