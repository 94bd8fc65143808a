"""Requests that a web page of somewhere else makes in a person's browser: they may look, not change anything.

Owns the comparison of ``Origin`` and ``Host``. Programs send no ``Origin`` and are not concerned.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_foreign_origins(app: FastAPI) -> None:
    """Answer 403 to a request that may change something and comes from a page of another host.

    Parameters
    ----------
    app : FastAPI
        The app, before it is served; what is mounted below it is guarded too.
    """
    app.add_middleware(OriginGuard)


class OriginGuard:
    """Lets through what has no ``Origin``, the same host and port in it as in ``Host``, or a harmless method.

    Parameters
    ----------
    app : ASGIApp
        What is guarded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or refuse it."""
        origin = _foreign_origin(scope)
        if origin is None:
            await self._app(scope, receive, send)
            return
        detail = f"a page of {origin} may not change anything here; use a page of this host, or a program"
        await JSONResponse({"detail": detail}, status_code=403)(scope, receive, send)


def _foreign_origin(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] in _HARMLESS:
        return None
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None or _host_of(origin) == headers.get("host", "").lower():
        return None
    return origin


def _host_of(origin: str) -> str:
    """Return host and port; none for what is no address, such as the ``null`` of a file or a sandbox."""
    try:
        return urlsplit(origin).netloc.lower() or "null"
    except ValueError:
        return "null"
