"""Making publications: copy the file, then one short transaction. Runs beside the handlers.

A publication is *pending* from its certification on. The copy goes under a key of its own and is never replaced,
so whenever this ends, doing it again leaves the same file, one catalogue row and one announcement.
"""

import asyncio
import logging

from calibrant.archive.service import ArchiveService
from calibrant.archive.store import PublicationRow
from calibrant.bus.errors import PermanentError, TransientError
from calibrant.runtime.dead_letters import told
from calibrant.runtime.health import Phase
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.telemetry import spans
from calibrant.runtime.telemetry.bound import bound

log = logging.getLogger(__name__)
RETRY_S = 5.0
"""How often is looked for work that was left, in seconds."""
_PART = "publishing"


class Publisher:
    """Makes pending publications, one after the other.

    Parameters
    ----------
    service : ArchiveService
        The use cases.
    """

    def __init__(self, service: ArchiveService) -> None:
        self._service = service

    async def publishing(self, process: ServiceProcess) -> None:
        """Publish whatever is pending, for ever; while the service is paused or drained, rest."""
        while True:
            if process.health.phase is Phase.RUNNING:
                await self.step(process)
            await self._service.bell.wait(RETRY_S)

    async def step(self, process: ServiceProcess) -> None:
        """Publish what is pending now; when the store or the database is away, leave the rest for later."""
        try:
            for publication_id in await asyncio.to_thread(self._pending, process):
                if process.health.phase is not Phase.RUNNING:
                    break  # the rest is for the next start
                with process.busy():
                    await asyncio.to_thread(self._publish, process, publication_id)
        except TransientError as problem:
            process.health.trouble(_PART, str(problem))
            log.warning("publishing waits: %s", problem)
        else:
            process.health.well(_PART)

    def _pending(self, process: ServiceProcess) -> list[str]:
        with process.database.reading() as session:
            return self._service.pending(session)

    def _publish(self, process: ServiceProcess, publication_id: str) -> None:
        """Make one publication; whatever is wrong with it is its own failure, and the next one has its turn."""
        try:
            self._copy_and_announce(process, publication_id)
        except TransientError:
            raise
        except PermanentError as problem:
            log.error("publication %s fails: %s", publication_id, problem)  # noqa: TRY400
            self._fail(process, publication_id, str(problem))
        except Exception as fault:
            log.exception("publication %s fails", publication_id)
            self._fail(process, publication_id, told(fault))
        else:
            process.health.count("publications")

    def _copy_and_announce(self, process: ServiceProcess, publication_id: str) -> None:
        with process.database.reading() as session:
            row = self._service.publication(session, publication_id)
        with bound(correlation_id=row.run_id), spans.continuing(row.traceparent, row.run_id, "publish"):
            self._make(process, row)

    def _make(self, process: ServiceProcess, row: PublicationRow) -> None:
        publication_id, now_tai_ns = row.publication_id, process.platform.clock.tai_ns()
        ref = self._service.copy(row)
        with process.unit_of_work(f"publish {publication_id}", row.run_id) as unit:
            unit.emit(self._service.publish(unit.session, publication_id, ref, now_tai_ns=now_tai_ns))

    def _fail(self, process: ServiceProcess, publication_id: str, reason: str) -> None:
        with process.database.writing() as session:
            self._service.fail(session, publication_id, reason)
        process.health.count("publications failed")
