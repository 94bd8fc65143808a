"""The guard before an app: no request gets past it without the role that its kind of route needs.

Owns the answers 401 and 403 and what they count. Must not know a service's routes: ``roles`` has their kinds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.door import Door
from calibrant.runtime.access.keys import KeysUnavailable
from calibrant.runtime.access.roles import Role, rule_for
from calibrant.runtime.access.tokens import TokenRefused

log = logging.getLogger(__name__)
_CALLER: Final = "calibrant.caller"


def caller_of(request: Request) -> Caller:
    """Return who calls, as the guard has found it.

    Raises
    ------
    KeyError
        No guard stands before the app.
    """
    caller: Caller = request.scope[_CALLER]
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]
"""A route's parameter: who calls."""


class Guard:
    """Lets through who has the role that is needed, and tells the app who it is.

    Parameters
    ----------
    app : ASGIApp
        What is guarded.
    door : Door
        Who is let in.
    beyond : collection of str
        First parts of paths that lead to apps with guards of their own.
    """

    def __init__(self, app: ASGIApp, door: Door, beyond: Collection[str] = ()) -> None:
        self._app = app
        self._door = door
        self._beyond = beyond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks it
        else:
            refusal = await self._refusal(scope)
            await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> JSONResponse | None:
        path = _path(scope)
        if path.removeprefix("/").partition("/")[0] in self._beyond:
            return None
        try:
            caller = await self._caller(Headers(scope=scope).get("authorization"))
        except TokenRefused as error:
            return self._unknown(scope, str(error))
        except KeysUnavailable as error:
            return JSONResponse({"detail": str(error)}, status_code=503)
        rule = rule_for(scope["method"], path)
        needed = Role.ADMIN if rule is None else rule.role
        if not caller.has(needed):
            return self._forbidden(scope, caller, needed)
        scope[_CALLER] = caller
        return None

    async def _caller(self, authorization: str | None) -> Caller:
        if self._door.tokens is None:
            return self._door.caller(authorization)
        return await asyncio.to_thread(self._door.caller, authorization)

    def _unknown(self, scope: Scope, why: str) -> JSONResponse:
        self._door.refused[401] += 1
        log.warning("401 %s %s: %s", scope["method"], ascii(_path(scope)), why)
        given = Headers(scope=scope).get("authorization") is not None
        challenge = f'Bearer realm="calibrant", error="invalid_token", error_description="{why}"'
        headers = {"WWW-Authenticate": challenge if given else 'Bearer realm="calibrant"'}
        return JSONResponse({"detail": why}, status_code=401, headers=headers)

    def _forbidden(self, scope: Scope, caller: Caller, needed: Role) -> JSONResponse:
        self._door.refused[403] += 1
        log.warning(
            "403 %s %s: %s has %s", scope["method"], ascii(_path(scope)), caller.identity, caller.roles_text
        )
        challenge = f'Bearer realm="calibrant", error="insufficient_scope", scope="{needed}"'
        detail = f"this needs the role {needed}; {caller.identity} has {caller.roles_text}"
        return JSONResponse({"detail": detail}, status_code=403, headers={"WWW-Authenticate": challenge})


def _path(scope: Scope) -> str:
    """Return the path below the app's own address, as its router sees it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
