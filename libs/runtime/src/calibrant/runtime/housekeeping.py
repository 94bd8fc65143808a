"""Housekeeping while a service runs: old records leave the log, and old events the inbox.

Owns the time between two looks and what of the inbox is old. Results of jobs, executions and dead letters stay.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import col

from calibrant.bus.errors import TransientError
from calibrant.contracts.flow import topics_consumed
from calibrant.runtime.tables import InboxRow

if TYPE_CHECKING:
    from calibrant.runtime.process import ServiceProcess

log = logging.getLogger(__name__)
EVERY_S = 3600.0
"""How often it is done, in seconds; the first time so long after the start."""
_DAY_NS = 86_400_000_000_000


async def keep_house(process: ServiceProcess) -> None:
    """Remove what is old, again and again; while the log or the database is away, leave it for the next time."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            records = await process.platform.bus.prune()
            rows = await prune_inbox(process)
        except TransientError as error:
            log.warning("housekeeping waits: %s", error)
        else:
            log.info(
                "housekeeping: %d record(s) of the log and %d of the inbox are old and gone", records, rows
            )


async def prune_inbox(process: ServiceProcess) -> int:
    """Forget events dealt with that the log cannot bring again.

    These are older than the longest retention of what the service consumes, and older than the oldest record that
    its groups have not committed: a record may outlive its retention while somebody has not read it.

    Parameters
    ----------
    process : ServiceProcess
        The service.

    Returns
    -------
    int
        How many rows were removed.

    Raises
    ------
    TransientError
        The log or the database is away; nothing was removed.
    """
    bus, consumed = process.platform.bus, topics_consumed(process.name)
    if not consumed:
        return 0
    days = max(topic.retention_days for topic in consumed)
    before_tai_ns = process.platform.clock.tai_ns() - days * _DAY_NS
    done = await process.committed()
    for topic in consumed:
        for record in await bus.read(topic.name, from_start=True, limit=1, offsets=done):
            # POSIX time as it stands is earlier than the same moment in TAI: on the safe side.
            before_tai_ns = min(before_tai_ns, record.timestamp_ns)

    def work() -> int:
        with process.database.writing() as session:
            old = delete(InboxRow).where(col(InboxRow.done_tai_ns) < before_tai_ns)
            return session.connection().execute(old).rowcount

    return await asyncio.to_thread(work)
