"""Serving HTTP: listening sockets, the API until a signal, the operators' port for the whole life of a process.

Owns sockets and servers. Knows no service.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType

import uvicorn
from fastapi import FastAPI

from calibrant.bus.errors import CalibrantError
from calibrant.runtime.connections import MOST_CONNECTIONS, MOST_HEAD_BYTES, Connection

LEAVE_S = 5
"""How long open HTTP connections may keep a server from leaving."""
_LOOPBACK = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "::1"})  # noqa: S104  what is bound is not chosen here
_ENDS = (signal.SIGINT, signal.SIGTERM)


class PortInUse(CalibrantError):
    """Another program listens on the address."""


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """Open a listening socket.

    Parameters
    ----------
    host, port
        The address; port 0: any free one.
    option : str
        What another port is chosen with.

    Raises
    ------
    PortInUse
        The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen()
    except OSError as error:
        opened.close()
        raise PortInUse(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with {option}"
        ) from None
    return opened


def address_of(opened: socket.socket) -> str:
    """Return the URL under which a listening socket is reached: by loopback, where it listens on every address."""
    host, port = opened.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: FastAPI, opened: socket.socket) -> None:
    """Serve an app until SIGTERM or SIGINT; it returns then, for its caller to put things in order."""
    with _ended_by_signal():
        await uvicorn.Server(_config(app)).serve(sockets=[opened])


@asynccontextmanager
async def served(app: FastAPI, opened: socket.socket) -> AsyncIterator[None]:
    """Serve an app until the block ends, whatever signals come meanwhile."""
    server = _Unsignalled(_config(app))
    serving = asyncio.create_task(server.serve(sockets=[opened]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Unsignalled(uvicorn.Server):
    """A server that leaves signals to others."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=LEAVE_S,
        lifespan="off",
        http=Connection,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        limit_concurrency=MOST_CONNECTIONS,
    )


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Keep the signal that ended the server from ending the process, which it is raised for once more."""
    before = {number: signal.getsignal(number) for number in _ENDS}
    for number in _ENDS:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
