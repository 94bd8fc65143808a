"""Bodies of requests: how large one may be, and how long it may take to come.

Owns those two limits. Must not know what a body says; what the head of a request may be is ``connections``'.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_S: Final = 30.0
"""How long a body may take to come, in seconds."""
BODY_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "The body cannot be read, or asks for what cannot be done; the detail says why"},
    408: {"description": "The body did not come in time"},
    413: {"description": "The body is too large; the detail names the limit"},
}
"""What a route that reads a body may answer beside its own; for its documentation."""
_CLOSE: Final = {"Connection": "close"}  # what is left of the body is not read


class BodyLimit:
    """Refuses a body that is too large or comes too slowly, without reading on.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    most_bytes : int
        Largest body.
    most_s : float
        How long it may take to come, in seconds.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, most_s: float = MOST_S) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._most_s = most_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or len(declared) > 18 or int(declared) > self._most_bytes:
            refusal = JSONResponse({"detail": self._too_large}, status_code=413, headers=_CLOSE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, self._measured(receive), send)

    @property
    def _too_large(self) -> str:
        return f"the body has more than {self._most_bytes} bytes, the most that is read (CALIBRANT_MAX_BODY_BYTES)"

    def _measured(self, receive: Receive) -> Receive:
        """Return a ``receive`` that counts; what it raises, the framework answers."""
        taken, more, end_s = 0, True, asyncio.get_running_loop().time() + self._most_s

        async def measured() -> Message:
            nonlocal taken, more
            if not more:  # whoever asks now waits for the client to leave
                return await receive()
            try:
                async with asyncio.timeout_at(end_s):
                    message = await receive()
            except TimeoutError:
                why = f"the body did not come within {self._most_s:g} s"
                raise HTTPException(408, why, headers=_CLOSE) from None
            taken += len(message.get("body", b""))
            more = bool(message.get("more_body", False))
            if taken > self._most_bytes:
                raise HTTPException(413, self._too_large, headers=_CLOSE)
            return message

        return measured
