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
from calibrant.runtime.lagging import committed
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

    These are older than the retention of the topic that brought them, and older than the oldest record of it that the
    service's groups have not committed: a record may outlive its retention while somebody has not read it. What no
    topic brought is kept as long as anything.

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
    begins = await _begins_tai_ns(process)
    if not begins:
        return 0
    old = [(col(InboxRow.topic) == topic, begin) for topic, begin in begins.items()]
    old.append((col(InboxRow.topic).not_in(begins), min(begins.values())))

    def work() -> int:
        with process.database.writing() as session:
            connection = session.connection()
            return sum(
                connection.execute(delete(InboxRow).where(mine, col(InboxRow.done_tai_ns) < begin)).rowcount
                for mine, begin in old
            )

    return await asyncio.to_thread(work)


async def _begins_tai_ns(process: ServiceProcess) -> dict[str, int]:
    """Return, for each topic the service consumes, the time before which nothing of it can come again."""
    now, done, begins = (
        process.platform.clock.tai_ns(),
        await committed(process.platform.bus, process.name),
        {},
    )
    for topic in topics_consumed(process.name):
        begins[topic.name] = now - topic.retention_days * _DAY_NS
        for record in await process.platform.bus.read(topic.name, from_start=True, limit=1, offsets=done):
            # POSIX time as it stands is earlier than the same moment in TAI: on the safe side.
            begins[topic.name] = min(begins[topic.name], record.timestamp_ns)
    return begins
