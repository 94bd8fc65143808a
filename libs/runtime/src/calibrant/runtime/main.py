"""``python -m calibrant.<service>``: one service in a process of its own, with its HTTP API.

Owns the process: arguments, the listening socket, signals (through uvicorn), exit codes.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from calibrant.bus.errors import CalibrantError
from calibrant.runtime.platform import Platform, open_platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.settings import ServiceSettings

T = TypeVar("T", bound=ServiceSettings)


class PortInUse(CalibrantError):
    """Another program listens on the address."""


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket.

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
    except OSError as error:
        opened.close()
        raise PortInUse(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port"
        ) from None
    return opened


async def serve(app: FastAPI, opened: socket.socket) -> None:
    """Serve an app until SIGTERM or SIGINT."""
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    await uvicorn.Server(config).serve(sockets=[opened])


def with_process(app: FastAPI, process: ServiceProcess, drain_s: float) -> FastAPI:
    """Let an app start its service when it is served, and drain it afterwards."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await process.start()
        yield
        await process.stop(drain_s)

    app.router.lifespan_context = lifespan
    return app


def run(create_app: Callable[[T, Platform], FastAPI], settings_type: type[T]) -> int:
    """Run a service from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=f"Run {create_app.__module__}")
    parser.add_argument("--check", action="store_true", help="build everything, then exit")
    parser.add_argument("--port", type=int, help="port of the HTTP API; 0: any free one")
    parser.add_argument("--data-dir", help="folder with the embedded bus, databases and objects")
    arguments = parser.parse_args()
    given = {"port": arguments.port, "data_dir": arguments.data_dir}
    settings = settings_type(**{name: value for name, value in given.items() if value is not None})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(create_app, settings, check=arguments.check))
    except CalibrantError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _run(create_app: Callable[[T, Platform], FastAPI], settings: T, *, check: bool) -> None:
    async with open_platform(settings) as platform:
        app = create_app(settings, platform)
        process: ServiceProcess = app.state.process
        if check:
            process.prepare()
            app.openapi()
            print(f"{process.name}: everything builds")  # noqa: T201
            return
        opened = listen(settings.host, settings.port)
        host, port = opened.getsockname()[:2]
        logging.getLogger(__name__).info("%s listens on http://%s:%s", process.name, host, port)
        await serve(with_process(app, process, settings.drain_s), opened)
