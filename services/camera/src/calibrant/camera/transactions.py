"""Short transactions from an event loop: on a thread, waited for while the database is away, done once.

Must not know what is done in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from calibrant.runtime.database import DatabaseUnavailable
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.unit_of_work import UnitOfWork

T = TypeVar("T")
RETRY_S = 1.0
"""How long to wait before what was unavailable is tried again, in seconds."""


@dataclass(frozen=True, slots=True)
class Transactions:
    """Runs transactions of a process.

    Parameters
    ----------
    process
        The process, whose health tells while the database is away.
    """

    process: ServiceProcess

    async def once(self, cause: str, run_id: str, work: Callable[[UnitOfWork], None]) -> None:
        """Run a transaction that must not be run again where it went through and its answer was lost."""

        def unless_done(unit: UnitOfWork) -> None:
            if not unit.was_done(cause):
                work(unit)
                unit.mark_done(cause)

        await self.unit(cause, run_id, unless_done)

    async def unit(self, cause: str, run_id: str, work: Callable[[UnitOfWork], T]) -> T:
        """Run a transaction about a run; empty for none."""

        def in_transaction() -> T:
            with self.process.unit_of_work(cause, run_id or None) as unit:
                return work(unit)

        return await self.until_stored(in_transaction)

    async def until_stored(self, work: Callable[[], T]) -> T:
        """Run a function on a thread; while the database is unavailable, wait and try again."""
        while True:
            try:
                result = await asyncio.to_thread(work)
            except DatabaseUnavailable as error:
                self.process.health.trouble("database", str(error))
                await asyncio.sleep(RETRY_S)
            else:
                self.process.health.well("database")
                return result
