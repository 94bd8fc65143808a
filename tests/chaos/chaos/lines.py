"""The lines between services and servers: proxies that can be cut and slowed, served by a thread of their own.

Owns the thread. What a proxy can do to a line is ``calibrant.bus.testing.proxy``'s.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from calibrant.bus.testing.proxy import Proxy

T = TypeVar("T")
PATIENCE_S = 60.0
SLOW_S = 0.3
"""How long a slow line holds each piece of what is said over it."""


class Lines:
    """Proxies by name; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._proxies: dict[str, Proxy] = {}

    def __enter__(self) -> Self:
        """Serve from now on."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut everything for good."""
        for proxy in self._proxies.values():
            self._run(proxy.refuse())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def open(self, name: str, target: int, port: int = 0) -> int:
        """Lay a line to a port of this machine; return the port where it begins."""
        proxy = Proxy(target, port)
        self._run(proxy.accept())
        self._proxies[name] = proxy
        return proxy.port

    def cut(self, name: str) -> None:
        """Cut all connections of a line and refuse new ones, until ``mend``."""
        self._run(self._proxies[name].refuse())

    def mend(self, name: str) -> None:
        """Take connections again."""
        self._run(self._proxies[name].accept())

    def slow(self, name: str) -> None:
        """Hold back what is said over a line, until ``quicken``."""
        self._proxies[name].delay_s = SLOW_S

    def quicken(self, name: str) -> None:
        """Hold nothing back any more."""
        self._proxies[name].delay_s = 0.0

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)
