"""The composition of archive: the only place where its parts meet."""

from pathlib import Path

from fastapi import FastAPI

from calibrant.archive import handlers
from calibrant.archive.api import routes
from calibrant.archive.publishing import Publisher
from calibrant.archive.service import ArchiveService
from calibrant.archive.settings import ArchiveSettings
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec


def create_app(settings: ArchiveSettings, platform: Platform) -> FastAPI:
    """Build the service; ``app.state.process`` is its process."""
    database = platform.database("archive")
    service = ArchiveService(platform.objects, settings.authority)
    spec = ServiceSpec(
        name="archive",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=routes(database, platform.objects),
        background=(Publisher(service).publishing,),
    )
    return http_app(ServiceProcess(spec, platform), door_of(settings), settings.max_body_bytes)
