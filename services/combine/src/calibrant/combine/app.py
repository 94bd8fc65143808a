"""The composition of combine: the only place where its parts meet."""

from pathlib import Path

from fastapi import FastAPI

from calibrant.combine import handlers
from calibrant.combine.api import routes
from calibrant.combine.service import CombineService
from calibrant.combine.settings import CombineSettings
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec


def create_app(settings: CombineSettings, platform: Platform) -> FastAPI:
    """Build the service; ``app.state.process`` is its process."""
    database = platform.database("combine")
    service = CombineService(platform.objects)
    spec = ServiceSpec(
        name="combine",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=routes(service, database),
        config={"instruments": str(settings.instruments_dir)},
    )
    return http_app(ServiceProcess(spec, platform), door_of(settings), settings.max_body_bytes)
