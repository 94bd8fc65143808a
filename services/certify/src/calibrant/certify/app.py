"""The composition of certify: the only place where its parts meet."""

from contextlib import AbstractContextManager
from pathlib import Path

from fastapi import FastAPI

from calibrant.certify import handlers
from calibrant.certify.api import routes
from calibrant.certify.api_changes import change_routes
from calibrant.certify.service import CertifyService
from calibrant.certify.settings import CertifySettings
from calibrant.certify.waiting_api import waiting_routes
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.unit_of_work import UnitOfWork


def create_app(settings: CertifySettings, platform: Platform) -> FastAPI:
    """Build the service; ``app.state.process`` is its process."""
    database = platform.database("certify")
    service = CertifyService()

    def work(cause: str, run_id: str) -> AbstractContextManager[UnitOfWork]:
        return process.unit_of_work(cause, run_id or None)

    router = routes(database, settings.instruments_dir)
    router.include_router(waiting_routes(service, database))
    router.include_router(change_routes(database, work, platform.ids.new))
    spec = ServiceSpec(
        name="certify",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=router,
    )
    process = ServiceProcess(spec, platform)
    return http_app(process, door_of(settings), settings.max_body_bytes)
