"""The observatory's HTTP: every service's API under its name.

Owns the paths ``/`` and ``/status``; everything else is a service's.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from calibrant.observatory.composition import Observatory
from calibrant.runtime.access.door import Door
from calibrant.runtime.http import guarded_app


def observatory_app(running: Observatory, door: Door) -> FastAPI:
    """Lay HTTP over running services; they are started and stopped by whoever serves."""
    app = guarded_app("Calibrant", door, beyond=running.apps)
    for name, service_app in running.apps.items():
        app.mount(f"/{name}", service_app)

    @app.get("/", summary="The services and where their APIs are")
    def index() -> dict[str, Any]:
        return {
            "services": {
                name: {"status": f"/{name}/status", "docs": f"/{name}/docs"} for name in running.apps
            }
        }

    @app.get("/status", summary="What every service is doing")
    async def status() -> dict[str, Any]:
        return {name: await running.process(name).status() for name in running.apps}

    return app
