"""Requests that a web page of somewhere else makes in a person's browser: they may look, not change anything.

Owns the comparison of ``Origin`` and ``Host``. Programs send no ``Origin`` and are not concerned. Where everybody on
this machine is let in, a name other than the loopback's is foreign too: whoever owns it may have pointed it here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.runtime.addresses import is_loopback

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_foreign_origins(app: FastAPI, *, loopback: bool) -> None:
    """Answer 403 to a request that may change something and comes from a page of another host.

    Parameters
    ----------
    app : FastAPI
        The app, before it is served; what is mounted below it is guarded too.
    loopback : bool
        Whether its pages are those of a loopback address alone.
    """
    app.add_middleware(OriginGuard, loopback=loopback)


class OriginGuard:
    """Lets through what has no ``Origin``, the same host and port in it as in ``Host``, or a harmless method.

    Parameters
    ----------
    app : ASGIApp
        What is guarded.
    loopback : bool
        Whether the host must be a loopback address.
    """

    def __init__(self, app: ASGIApp, *, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or refuse it."""
        origin = _foreign_origin(scope, loopback=self._loopback)
        if origin is None:
            await self._app(scope, receive, send)
            return
        detail = f"a page of {origin} may not change anything here; use a page of this host, or a program"
        await JSONResponse({"detail": detail}, status_code=403)(scope, receive, send)


def _foreign_origin(scope: Scope, *, loopback: bool) -> str | None:
    if scope["type"] != "http" or scope["method"] in _HARMLESS:
        return None
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None or _is_own(origin, headers.get("host", ""), loopback=loopback):
        return None
    return origin


def _is_own(origin: str, host: str, *, loopback: bool) -> bool:
    """Tell whether a page is of the host that it calls; ``null``, of a file or a sandbox, is of none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.netloc.lower() == host.lower() and (not loopback or is_loopback(parts.hostname or ""))
