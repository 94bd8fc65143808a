"""Connections to an HTTP server: how much head a request may have, and how long a client may take to say what it wants.

Owns those limits, which the server itself lacks or leaves open. What a body may be is ``bodies``'.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_HEAD_BYTES: Final = 64 * 1024
"""Most bytes of a request's line and headers together; more of it is answered 400."""
MOST_CONNECTIONS: Final = 512
"""Connections at the same time; a request beyond them is answered 503."""
HEAD_S: Final = 20.0
"""How long a client may take, in seconds, from its connection, or from the answer before, to the end of the next
request's headers; then the connection is closed."""


class Connection(H11Protocol):
    """A connection that is closed where no request comes of it; the server would wait for its headers for ever."""

    head_s = HEAD_S
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; a request whose headers are complete has all the time that its answer takes."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    def _look(self) -> None:
        if self._idle:
            self._wait()
        else:
            self._stop_waiting()

    def _wait(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
