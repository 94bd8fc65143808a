"""The composition of the sequencer: the only place where its parts meet."""

import asyncio
import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from sqlmodel import Session

from calibrant.bus.errors import TransientError
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.unit_of_work import UnitOfWork
from calibrant.sequencer import handlers
from calibrant.sequencer.api import routes
from calibrant.sequencer.queue.api import routes as queue_routes
from calibrant.sequencer.queue.keeping import keep
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.store.last_results import last_results

log = logging.getLogger(__name__)


def facts(session: Session) -> dict[str, Any]:
    """Return what the sequencer's status says beside what every service's does."""
    return {"last_results": last_results(session)}


def create_app(settings: SequencerSettings, platform: Platform) -> FastAPI:
    """Build the sequencer on a platform; its process is ``app.state.process``."""
    database = platform.database("sequencer")

    def work(cause: str, run_id: str) -> AbstractContextManager[UnitOfWork]:
        return process.unit_of_work(cause, run_id)

    service = SequencerService(settings, database, platform.clock, work)

    async def timer(_process: ServiceProcess) -> None:
        """Look after overdue answers and queues for as long as the service runs."""
        while True:
            try:
                await asyncio.to_thread(service.look_after)
                await asyncio.to_thread(keep, service)
            except TransientError as error:
                log.warning("overdue answers and queues are looked after later: %s", error)
            await asyncio.sleep(settings.timer_s)

    router = APIRouter()
    router.include_router(routes(service, platform.ids.new))
    router.include_router(queue_routes(service, platform.ids.new))
    spec = ServiceSpec(
        name="sequencer",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=router,
        facts=facts,
        background=(timer,),
    )
    process = ServiceProcess(spec, platform)
    return http_app(process, door_of(settings), settings.max_body_bytes)
