"""The composition of ingest: the only place where its parts meet."""

from pathlib import Path

from fastapi import FastAPI

from calibrant.ingest import handlers
from calibrant.ingest.api import routes
from calibrant.ingest.reading import INSTRUMENTS
from calibrant.ingest.service import IngestService
from calibrant.ingest.settings import IngestSettings
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec


def create_app(settings: IngestSettings, platform: Platform) -> FastAPI:
    """Build the service; ``app.state.process`` is its process."""
    database = platform.database("ingest")
    spec = ServiceSpec(
        name="ingest",
        service=IngestService(settings.instruments_dir, platform.objects.outside),
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=routes(database),
        config={INSTRUMENTS: str(settings.instruments_dir)},
    )
    return http_app(ServiceProcess(spec, platform), door_of(settings), settings.max_body_bytes)
