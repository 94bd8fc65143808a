"""The composition of the sequencer: the only place where its parts meet."""

import asyncio
import logging
from contextlib import AbstractContextManager
from pathlib import Path

from fastapi import FastAPI

from calibrant.bus.errors import TransientError
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.unit_of_work import UnitOfWork
from calibrant.sequencer import handlers
from calibrant.sequencer.api import routes
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.settings import SequencerSettings

log = logging.getLogger(__name__)


def create_app(settings: SequencerSettings, platform: Platform) -> FastAPI:
    """Build the sequencer on a platform; its process is ``app.state.process``."""
    database = platform.database("sequencer")

    def work(cause: str, run_id: str) -> AbstractContextManager[UnitOfWork]:
        return process.unit_of_work(cause, run_id)

    service = SequencerService(settings, database, platform.clock, work)

    async def timer(_process: ServiceProcess) -> None:
        """Look after overdue answers for as long as the service runs."""
        while True:
            try:
                await asyncio.to_thread(service.look_after)
            except TransientError as error:
                log.warning("overdue answers are looked after later: %s", error)
            await asyncio.sleep(settings.timer_s)

    spec = ServiceSpec(
        name="sequencer",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=routes(service, platform.ids.new),
        background=(timer,),
    )
    process = ServiceProcess(spec, platform)
    return http_app(process, door_of(settings), settings.max_body_bytes)
