"""The composition of verify: the only place where its parts meet."""

from pathlib import Path

from fastapi import FastAPI

from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.verify import handlers
from calibrant.verify.api import routes
from calibrant.verify.service import VerifyService
from calibrant.verify.settings import VerifySettings
from calibrant.verify.trends_api import trends_routes


def create_app(settings: VerifySettings, platform: Platform) -> FastAPI:
    """Build the service; ``app.state.process`` is its process."""
    database = platform.database("verify")
    service = VerifyService(platform.objects, settings.trends)
    router = routes(service, database)
    router.include_router(trends_routes(database, service.trends))
    spec = ServiceSpec(
        name="verify",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=router,
        config={
            "instruments": str(settings.instruments_dir),
            "trends": settings.trends.model_dump_json(),
            "comparison": settings.comparison.model_dump_json(),
        },
    )
    return http_app(ServiceProcess(spec, platform), door_of(settings), settings.max_body_bytes)
