"""The composition of certify: the only place where its parts meet."""

from pathlib import Path

from fastapi import FastAPI

from calibrant.certify import handlers
from calibrant.certify.api import routes
from calibrant.certify.service import CertifyService
from calibrant.certify.settings import CertifySettings
from calibrant.certify.waiting_api import waiting_routes
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec


def create_app(settings: CertifySettings, platform: Platform) -> FastAPI:
    """Build the service; ``app.state.process`` is its process."""
    database = platform.database("certify")
    service = CertifyService()
    router = routes(database)
    router.include_router(waiting_routes(service, database))
    spec = ServiceSpec(
        name="certify",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=router,
    )
    return http_app(ServiceProcess(spec, platform), door_of(settings), settings.max_body_bytes)
