"""A real service that a test kills at a step and starts again, told the same each time; and what it leaves.

Owns no expectations but that the kill hits, and that the last life comes to rest.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TypeVar

from fastapi import FastAPI
from sqlmodel import Session, SQLModel, select

from calibrant.bus.cloudevents import Envelope, from_record
from calibrant.contracts.base import Message
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.handlers import collect
from calibrant.runtime.platform import Platform
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.tables import InboxRow
from calibrant.runtime.testing.lives import KillAt, forked_platform, lived, settled
from calibrant.runtime.testing.services import running, until

Row = TypeVar("Row", bound=SQLModel)


class OtherEnd(AssertionError):
    """A life ended otherwise than it should."""


@dataclass(frozen=True, slots=True)
class Mortal:
    """A service with several lives.

    Parameters
    ----------
    name : str
        The service.
    create_app : callable
        Builds it on a platform.
    settings : PlatformSettings
        Its settings.
    told : mapping of str to sequence of Message
        What it is told in every life, under the same identifiers, by who says it.
    events : int
        How many events it has dealt with when it is through, those that it tells itself included.
    through : callable
        What must hold in its database besides, before it may rest.
    """

    name: str
    create_app: Callable[[Any, Platform], FastAPI]
    settings: PlatformSettings
    told: Mapping[str, Sequence[Message]]
    events: int
    through: Callable[[Session], bool] = lambda _session: True

    def dies(self, step: Step, passing: int = 1) -> None:
        """Live until a step is passed for the n-th time.

        Raises
        ------
        OtherEnd
            It was not.
        """
        self._ends(KillAt(step, passing), -signal.SIGKILL)

    def lives(self) -> None:
        """Live until it is through and everything is told.

        Raises
        ------
        OtherEnd
            It did not come to that.
        """
        self._ends(Probe(), os.EX_OK)

    def rows(self, table: type[Row]) -> list[Row]:
        """Return a table of its database."""
        return rows_of(self.settings, self.name, table)

    def _ends(self, probe: Probe, wanted: int) -> None:
        code = lived(partial(self._live, probe))
        if code != wanted:
            raise OtherEnd(f"{self.name} ended with {code}, not {wanted}; its trace-back is above")

    async def _live(self, probe: Probe) -> None:
        with TemporaryDirectory() as nothing:
            async with forked_platform(self.settings) as platform:
                app = self.create_app(self.settings, replace(platform, probe=probe))
                process: ServiceProcess = app.state.process
                senders = {name: _sender(name, platform, Path(nothing)) for name in self.told}
                async with running(*senders.values(), process):
                    for name, messages in self.told.items():
                        with senders[name].unit_of_work("tell", "run-1") as unit:
                            unit.emit(messages)
                    await until(partial(self._is_through, process))

    async def _is_through(self, process: ServiceProcess) -> bool:
        with process.database.reading() as session:
            done = len(session.exec(select(InboxRow)).all()) == self.events and self.through(session)
        return done and await settled(process)


def rows_of(settings: PlatformSettings, service: str, table: type[Row]) -> list[Row]:
    """Return a table of a service that is not running."""
    database = open_database(settings, service)
    try:
        with database.reading() as session:
            return list(session.exec(select(table)).all())
    finally:
        database.close()


async def events_of(settings: PlatformSettings, topic: str) -> list[Envelope]:
    """Return the events of a topic, each once however often it was sent."""
    bus = await open_log(settings)
    try:
        found = map(from_record, await bus.read(topic, from_start=True, limit=1000))
        return list({event.id: event for event in found}.values())
    finally:
        await bus.close()


def _sender(name: str, platform: Platform, migrations: Path) -> ServiceProcess:
    """Make another service, which only sends."""
    nobody = collect(ModuleType("nobody"))
    return ServiceProcess(ServiceSpec(name, None, nobody, platform.database(name), migrations), platform)
