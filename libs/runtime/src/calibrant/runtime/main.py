"""``python -m calibrant.<service>``: one service in a process of its own, with its HTTP API.

Owns the process: arguments, the listening socket, signals, exit codes.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from calibrant.bus.errors import CalibrantError
from calibrant.runtime.platform import Platform, open_platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.settings import ServiceSettings, WrongSetting, chosen
from calibrant.runtime.telemetry.logs import LogSetup, configure_logs

T = TypeVar("T", bound=ServiceSettings)
LEAVE_S = 5
"""How long open HTTP connections may keep a server from leaving."""
_ENDS = (signal.SIGINT, signal.SIGTERM)


class DataFolderUnusable(CalibrantError):
    """The data folder cannot be made or written."""


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
        opened.listen()
    except OSError as error:
        opened.close()
        raise PortInUse(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port"
        ) from None
    return opened


async def serve(app: FastAPI, opened: socket.socket) -> None:
    """Serve an app until SIGTERM or SIGINT; it returns then, for its caller to put things in order."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=LEAVE_S,
        lifespan="off",
    )
    with _ended_by_signal():
        await uvicorn.Server(config).serve(sockets=[opened])


def run(create_app: Callable[[T, Platform], FastAPI], settings_type: type[T]) -> int:
    """Run a service from the command line; return the exit code: 1 for an error, 2 for a wrong setting."""
    words = vars(_parser(f"Run {create_app.__module__}").parse_args())
    work = _check if words.pop("check") else _run
    try:
        settings = chosen(
            settings_type, **{name: value for name, value in words.items() if value is not None}
        )
        configure_logs(LogSetup.of(settings))
        asyncio.run(work(create_app, settings))
    except CalibrantError as error:
        _say(f"error: {error}")
        return 2 if isinstance(error, WrongSetting) else 1
    return 0


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, epilog="Each has a variable: CALIBRANT_PORT.")
    parser.add_argument("--check", action="store_true", help="build and reach everything, then exit")
    parser.add_argument("--port", type=int, help="port of the HTTP API; 0: any free one")
    parser.add_argument("--data-dir", help="folder with all that no other option puts elsewhere")
    parser.add_argument("--bus", help="the log: kafka://HOST:PORT[,HOST:PORT]")
    parser.add_argument("--database", help="postgresql://USER@HOST:PORT/NAME")
    parser.add_argument("--objects", help="files: s3://BUCKET[/PREFIX]")
    parser.add_argument("--objects-endpoint", help="URL of the S3 service")
    return parser


async def _check(create_app: Callable[[T, Platform], FastAPI], settings: T) -> None:
    """Build everything against a data folder made for it; of the real one, only look whether it can be had."""
    usable(settings.data_dir)
    with tempfile.TemporaryDirectory(prefix="calibrant-check-") as folder:
        instead = {"data_dir": Path(folder), "instruments": settings.instruments_dir}
        trial = settings.model_copy(update=instead)
        async with open_platform(trial) as platform:
            app = create_app(trial, platform)
            process: ServiceProcess = app.state.process
            process.prepare()
            app.openapi()
            process.database.close()
            print(f"{process.name}: everything builds")  # noqa: T201


def usable(data_dir: Path) -> None:
    """Look, without touching anything, whether a data folder is there or can be made.

    Raises
    ------
    DataFolderUnusable
        It cannot be.
    """
    wanted = data_dir.absolute()
    there = next(place for place in (wanted, *wanted.parents) if place.exists())
    if not there.is_dir():
        raise DataFolderUnusable(
            f"data folder {wanted}: {there} is no folder. Choose another with --data-dir"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataFolderUnusable(f"data folder {wanted}: {there} may not be written. Check its permissions")


async def _run(create_app: Callable[[T, Platform], FastAPI], settings: T) -> None:
    async with open_platform(settings) as platform:
        app = create_app(settings, platform)
        process: ServiceProcess = app.state.process
        with listen(settings.host, settings.port) as opened:
            host, port = opened.getsockname()[:2]
            logging.getLogger(__name__).info("%s listens on http://%s:%s", process.name, host, port)
            await _work(app, process, opened, settings.drain_s)


async def _work(app: FastAPI, process: ServiceProcess, opened: socket.socket, drain_s: float) -> None:
    """Serve from the first moment, so that the startup probe has an answer, and start meanwhile."""
    serving = asyncio.create_task(serve(app, opened))
    starting = asyncio.create_task(process.start())
    try:
        await asyncio.wait((serving, starting), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():  # ended by a signal before it was up
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        else:
            starting.result()
        await serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await process.stop(drain_s)


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


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
