"""Lets the camera be commanded over SAL, and tells there what it tells on the bus.

Owns the two ways: commands in, by the same acceptance as any other; answers and events out, in the order of the bus, each
at least once. Must not know the fields of any message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from calibrant.bus.errors import CalibrantError, PoisonError
from calibrant.bus.ports import Record
from calibrant.bus.records import TopicPartition
from calibrant.camera.service import CameraService
from calibrant.camera.wire.commands import Untranslatable, command_of
from calibrant.camera.wire.events import acknowledgement_of, event_of, refusal_of
from calibrant.contracts.access import produced_by, telling_group
from calibrant.contracts.camera.v1 import (
    CommandAck,
    CommandHeader,
    SummaryState,
    SummaryStateChanged,
)
from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.generated.registry import MESSAGES
from calibrant.runtime.access.roles import Role
from calibrant.runtime.clock import TAI_MINUS_UTC_S
from calibrant.runtime.database import DatabaseUnavailable
from calibrant.runtime.health import Phase
from calibrant.runtime.ids import derive
from calibrant.runtime.intake import Decoded, decode
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess
from calibrant.sal import Command
from calibrant.sal.wire.errors import SampleWrong
from calibrant.sal.wire.interface import ACKNOWLEDGEMENT, COMMAND, Component
from calibrant.sal.wire.link import Heard, SalLink, SalPlace

log = logging.getLogger(__name__)
WAITED_S: Final = 3600
"""How long clients of SAL wait for an answer unless they say otherwise: a command begins within this time or never, and
what was told longer ago is no news."""
_NS: Final = 1_000_000_000
_TURN_S: Final = 1.0
_RETRY_S: Final = 2.0
_AT_ONCE: Final = 100


@dataclass(slots=True)
class SalAdapter:
    """The camera on SAL.

    Parameters
    ----------
    service
        The camera.
    platform
        The bus that its events are read from, its clock.
    component
        The component that it is on SAL.
    place
        Where that is.
    """

    service: CameraService
    platform: Platform
    component: Component
    place: SalPlace

    async def speak_sal(self, process: ServiceProcess) -> None:
        """Take commands in and tell events for ever; while SAL is away, or refuses, say so and try again."""
        while True:
            try:
                async with SalLink(self.component, self.place, self.platform.clock) as link:
                    await self._tell_state(process, link)
                    process.health.well("sal")
                    async with asyncio.TaskGroup() as ways:
                        ways.create_task(self._take_commands(process, link))
                        ways.create_task(self._tell(process, link))
            except* CalibrantError as errors:
                told = "; ".join(map(str, errors.exceptions))
                process.health.trouble("sal", told)
                log.warning("SAL: %s", told)
            await asyncio.sleep(_RETRY_S)

    async def _tell_state(self, process: ServiceProcess, link: SalLink) -> None:
        """Tell the state now: a client that comes wants it, and none may be told for long."""

        def state() -> SummaryState:
            with process.database.reading() as session:
                return self.service.state(session)

        message = SummaryStateChanged(
            component=self.service.component, summary_state=await asyncio.to_thread(state), reason=""
        )
        if event := event_of(message, self.component):
            await link.send(*event)

    async def _take_commands(self, process: ServiceProcess, link: SalLink) -> None:
        while True:
            if process.health.phase is not Phase.RUNNING:
                await asyncio.sleep(_TURN_S)
                continue
            for heard in await link.hear(_TURN_S):
                with process.busy():
                    await self._take(process, link, heard)

    async def _take(self, process: ServiceProcess, link: SalLink, heard: Heard) -> None:
        name = heard.topic.removeprefix(COMMAND)
        header = self._header(heard)
        process.health.count("sal_commands")
        try:
            command = command_of(name, heard.sample, header)
        except Untranslatable as error:
            fields = refusal_of(heard.topic, header, str(error), self.component)
            await link.send(ACKNOWLEDGEMENT, fields, number=header.sequence_number)
        else:
            await self._until_stored(process, lambda: self._accept(process, command))

    def _header(self, heard: Heard) -> CommandHeader:
        sample, component = heard.sample, self.service.component
        sent = {name: sample[f"private_{name}"] for name in ("identity", "origin", "seqNum", "sndStamp")}
        return CommandHeader(
            command_id=derive("sal", component, heard.topic, *map(str, sent.values())),
            component=component,
            identity=sent["identity"],
            roles=(Role.OPERATOR.value,),  # who may command is who may write the topics of commands
            deadline=TaiTime.from_ns(self.platform.clock.tai_ns() + WAITED_S * _NS),
            origin=sent["origin"],
            sequence_number=sent["seqNum"],
        )

    def _accept(self, process: ServiceProcess, command: Command) -> None:
        now = self.platform.clock.tai_ns()
        with process.unit_of_work(f"sal:{command.header.command_id}:{now}") as unit:
            unit.emit(self.service.accept(command, unit.session, now_tai_ns=now, run_id=""))

    async def _until_stored(self, process: ServiceProcess, work: Callable[[], None]) -> None:
        while True:
            try:
                await asyncio.to_thread(work)
            except DatabaseUnavailable as error:
                process.health.trouble("database", str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                process.health.well("database")
                return

    async def _tell(self, process: ServiceProcess, link: SalLink) -> None:
        group = telling_group(self.service.component)
        async with self.platform.bus.consumer(group, produced_by(process.name)) as consumer:
            while True:
                records = await consumer.fetch(max_records=_AT_ONCE, timeout_s=_TURN_S)
                for record in records:
                    await self._pass_on(link, record)
                if records:
                    await consumer.commit(_after(records))

    async def _pass_on(self, link: SalLink, record: Record) -> None:
        now_utc_ns = self.platform.clock.tai_ns() - TAI_MINUS_UTC_S * _NS
        if now_utc_ns - record.timestamp_ns > WAITED_S * _NS:
            return
        try:
            await self._tell_message(link, decode(record, frozenset(MESSAGES)))
        except (PoisonError, SampleWrong) as error:  # the interface files have it otherwise: the others go on
            log.warning("not told on SAL: %s", error)

    async def _tell_message(self, link: SalLink, decoded: Decoded | None) -> None:
        message = decoded.message if decoded else None
        if message is None or getattr(message, "component", "") != self.service.component:
            return
        if isinstance(message, CommandAck):
            if fields := acknowledgement_of(message, self.component):
                await link.send(ACKNOWLEDGEMENT, fields, number=message.sequence_number)
        elif event := event_of(message, self.component):
            await link.send(*event)


def _after(records: Sequence[Record]) -> dict[TopicPartition, int]:
    return {record.topic_partition: record.offset + 1 for record in records}
