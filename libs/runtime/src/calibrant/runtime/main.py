"""``python -m calibrant.<service>``: one service in a process of its own, with its HTTP API.

Owns the process: arguments, the order of start and end, exit codes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

from calibrant.bus.errors import CalibrantError
from calibrant.runtime.access.door import check_door
from calibrant.runtime.data_folder import usable
from calibrant.runtime.garbage import settle
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.platform import Platform, open_platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.reaching import reach
from calibrant.runtime.serving import address_of, listen, serve, served
from calibrant.runtime.settings import ServiceSettings, WrongSetting, chosen
from calibrant.runtime.telemetry.logs import LogSetup, configure_logs

log = logging.getLogger(__name__)
T = TypeVar("T", bound=ServiceSettings)


def run(create_app: Callable[[T, Platform], FastAPI], settings_type: type[T]) -> int:
    """Run a service from the command line; return the exit code: 1 for an error, 2 for a wrong setting."""
    gc.freeze()  # what is imported stays: looked through by no collection, taken apart by none at the end
    words = vars(_parser(create_app.__module__.removesuffix(".app")).parse_args())
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


def _parser(service: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {service}",
        description="Run this service in a process of its own, until it is stopped.",
        epilog="Each but --check has a variable, such as CALIBRANT_PORT.",
    )
    parser.add_argument("--check", action="store_true", help="build and reach everything, then exit")
    parser.add_argument("--host", help="address that the HTTP API listens on")
    parser.add_argument("--port", type=int, help="port of the HTTP API; 0: any free one")
    parser.add_argument("--ops-host", help="address of probes and metrics; as --host when not given")
    parser.add_argument("--ops-port", type=int, help="port of probes and metrics; 0: any free one")
    parser.add_argument("--data-dir", help="folder with all that no other option puts elsewhere")
    parser.add_argument("--bus", help="the log: kafka://HOST:PORT[,HOST:PORT]")
    parser.add_argument("--database", help="postgresql://USER@HOST:PORT/NAME")
    parser.add_argument("--objects", help="files: s3://BUCKET[/PREFIX]")
    parser.add_argument("--objects-endpoint", help="URL of the S3 service")
    return parser


async def _check(create_app: Callable[[T, Platform], FastAPI], settings: T) -> None:
    """Build everything in a data folder made for it; then reach the real servers, and change nothing there."""
    check_door(settings)
    usable(settings.data_dir)
    with tempfile.TemporaryDirectory(prefix="calibrant-check-") as folder:
        embedded = {"data_dir": Path(folder), "bus": "", "database": "", "objects": ""}
        trial = settings.model_copy(update=embedded | {"instruments": settings.instruments_dir})
        async with open_platform(trial) as platform:
            app = create_app(trial, platform)
            process: ServiceProcess = app.state.process
            process.prepare()
            app.openapi()
            process.database.close()
    reached = await reach(settings, process.name)
    servers = f"; reached: {', '.join(reached.values())}" if reached else ""
    print(f"{process.name}: everything builds{servers}")  # noqa: T201


async def _run(create_app: Callable[[T, Platform], FastAPI], settings: T) -> None:
    check_door(settings)
    watch = Watch(expected=1)
    ops = settings.ops_address
    with listen(settings.host, settings.port) as opened, listen(*ops, option="--ops-port") as beside:
        async with served(ops_app(watch), beside), open_platform(settings, all_topics=False) as platform:
            app = create_app(settings.listening(address_of(opened)), platform)
            process: ServiceProcess = app.state.process
            watch.add(app)
            log.info(
                "%s listens on %s, for operators on %s", process.name, address_of(opened), address_of(beside)
            )
            await _work(app, process, opened, settings.drain_s)


async def _work(app: FastAPI, process: ServiceProcess, opened: socket.socket, drain_s: float) -> None:
    """Serve from the first moment, so that a signal is heard, and start meanwhile."""
    serving = asyncio.create_task(serve(app, opened))
    starting = asyncio.create_task(process.start())
    try:
        await asyncio.wait((serving, starting), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():  # ended by a signal before it was up
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        else:
            starting.result()
            settle()
            log.info("%s is ready", process.name)
        await serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await process.stop(drain_s)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
