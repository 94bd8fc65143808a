"""The observatory: every service in one process, on one platform. The only place that knows them all.

Owns the list of services and the order in which they start and stop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fastapi import FastAPI

from calibrant.bus.errors import CalibrantError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.observatory.lock import hold
from calibrant.observatory.requests import check_recipes
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime.clock import Clock
from calibrant.runtime.database import Database
from calibrant.runtime.objects import ObjectStore
from calibrant.runtime.ops import Watch
from calibrant.runtime.platform import Platform, open_platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.settings import PlatformSettings, chosen
from calibrant.sequencer.service import SequencerService

SERVICES = ("archive", "certify", "verify", "combine", "ingest", "sequencer", "camera")
"""All services; those who listen start before those who speak."""
DRAIN_S = 10.0
PATIENCE_S = 5.0
"""How long services of this process may be in trouble, when all they stand on is in the data folder."""
PATIENCE_ON_SERVERS_S = 30.0
"""The same on servers: one that is restarted, or chooses another leader, is soon back."""


class UnknownService(CalibrantError):
    """There is no service of this name."""


@dataclass(frozen=True, slots=True)
class Observatory:
    """Running services and what they stand on.

    Parameters
    ----------
    platform : Platform
        What they stand on.
    apps : dict
        The services, by name.
    patience_s : float
        How long they may be in trouble: what is the matter, they know themselves.
    """

    platform: Platform
    apps: dict[str, FastAPI]
    patience_s: float = PATIENCE_S

    def process(self, name: str) -> ServiceProcess:
        """Return a running service's process."""
        process: ServiceProcess = self.apps[name].state.process
        return process

    def service(self, name: str) -> Any:
        """Return a running service's use cases."""
        return self.process(name).spec.service

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.platform.clock

    @property
    def objects(self) -> ObjectStore:
        """Where files are."""
        return self.platform.objects

    @property
    def sequencer(self) -> SequencerService:
        """The sequencer's use cases."""
        sequencer: SequencerService = self.service("sequencer")
        return sequencer

    def database(self, service: str) -> Database:
        """Return a service's database."""
        return self.process(service).database

    def check_camera(self, request: RunRequested) -> None:
        """Check nothing: the camera was put together for what is asked of it here."""

    def begin_night(self) -> None:
        """Let the simulated camera go on in its next night."""
        self.service("camera").begin_night()

    def troubles(self) -> dict[str, str]:
        """Return what does not work now, by service and part."""
        found = {}
        for name in self.apps:
            process = self.process(name)
            found.update({f"{name}: {part}": what for part, what in process.health.troubles.items()})
            found.update({fault: f"{fault}, and has stopped; -v shows where" for fault in process.faults()})
        return found


@asynccontextmanager
async def observatory(
    settings: ObservatorySettings, names: Sequence[str] = SERVICES, *, watch: Watch | None = None
) -> AsyncIterator[Observatory]:
    """Run services in this process until the block ends; then drain them, those who speak first.

    Parameters
    ----------
    settings : ObservatorySettings
        Settings of all of them.
    names : sequence of str
        Which services.
    watch : Watch or None
        Is told of each service before it starts.

    Raises
    ------
    UnknownService
        A name is none of ``SERVICES``.
    DataFolderBusy
        Another process works in the data folder.
    """
    builders = {name: builder(name) for name in SERVICES if name in names}
    for name in names:
        if name not in builders:
            raise UnknownService(f"no service {name!r}; there are {', '.join(sorted(SERVICES))}")
    with hold(settings.data_dir):
        async with open_platform(settings) as platform, AsyncExitStack() as stack:
            running = Observatory(platform, {}, patience_of(settings))
            for name, build in builders.items():
                app = build(settings, platform)
                process: ServiceProcess = app.state.process
                if name == "sequencer":
                    process.spec.service.check_recipes = check_recipes
                if watch is not None:
                    watch.add(app)
                await process.start()
                stack.push_async_callback(process.stop, DRAIN_S)
                running.apps[name] = app
            yield running


def patience_of(settings: PlatformSettings) -> float:
    """Return how long services may be in trouble before a run is left to a later call, in seconds."""
    on_servers = settings.bus or settings.database or settings.objects
    return PATIENCE_ON_SERVERS_S if on_servers else PATIENCE_S


def builder(name: str) -> Callable[[ObservatorySettings, Platform], FastAPI]:
    """Return how a service is built, with the observatory's settings handed on to its own."""

    def build(settings: ObservatorySettings, platform: Platform) -> FastAPI:
        # Imported here, so that a command that runs no service does not pay for it.
        create_app = import_module(f"calibrant.{name}.app").create_app
        app: FastAPI = create_app(settings_of(name, settings), platform)
        return app

    return build


def settings_of(name: str, settings: ObservatorySettings) -> Any:
    """Return a service's settings: what the observatory's have in common with them, the rest its own.

    Raises
    ------
    WrongSetting
        One of its own is wrong.
    """
    own = getattr(import_module(f"calibrant.{name}.settings"), f"{name.capitalize()}Settings")
    shared = own.model_fields.keys() & type(settings).model_fields.keys()
    found = settings.model_dump(include=shared)
    if address := settings.address.rstrip("/"):
        found["address"] = f"{address}/{name}"  # its API is below the observatory's, under its name
    return chosen(own, **found)
