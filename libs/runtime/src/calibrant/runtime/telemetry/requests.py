"""Requests over HTTP: a span each, and log lines that say which service answers. Owns no route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.runtime.telemetry.spans import requested

if TYPE_CHECKING:
    from calibrant.runtime.process import ServiceProcess


class RequestTelemetry:
    """Answers requests as a service whose logs and spans they are.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    process : ServiceProcess
        The service.
    """

    def __init__(self, app: ASGIApp, process: ServiceProcess) -> None:
        self._app = app
        self._process = process

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = Headers(scope=scope).get("traceparent", "")
        with self._process.telemetry(), requested(parent, f"{scope['method']} {self._process.name}"):
            await self._app(scope, receive, send)
