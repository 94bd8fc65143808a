"""Carries accepted commands out, one after the other, beside the handlers.

Owns the order of the steps of a command and the clean-up of what a boot has left. Must not know how a command is taken
in, nor how an image is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from calibrant.bus.errors import CalibrantError
from calibrant.camera import transactions
from calibrant.camera.carrying import Carrying
from calibrant.camera.commanded import carrying_of
from calibrant.camera.describing import itself
from calibrant.camera.exposing import expose, remove_image
from calibrant.camera.imaging import Imaging
from calibrant.camera.logs import tellable
from calibrant.camera.night import NightFull
from calibrant.camera.opening import OpenImage, OpeningImage
from calibrant.camera.recordings import NoFolder
from calibrant.camera.sequence import TakingImages
from calibrant.camera.service import CameraService
from calibrant.camera.store import CameraQueries, CommandRow, ExposureRow, ExposureState
from calibrant.camera.transactions import Transactions
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandSubstate,
    Heartbeat,
    SummaryState,
)
from calibrant.runtime.database import DatabaseUnavailable
from calibrant.runtime.health import Phase
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.telemetry import spans
from calibrant.runtime.telemetry.bound import bound
from calibrant.runtime.unit_of_work import Outgoing, UnitOfWork

log = logging.getLogger(__name__)
_IDLE_S = 1.0
_HEARTBEAT_S = 1.0


@dataclass(slots=True)
class Executor:
    """The camera's background work.

    Parameters
    ----------
    service
        The camera.
    platform
        Object store, child processes, clock.
    """

    service: CameraService
    platform: Platform
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _open: OpenImage | None = None
    """The image that waits for endImage."""

    async def execute_commands(self, process: ServiceProcess) -> None:
        """Put in order what an earlier boot has left, then carry out commands for ever."""
        self.platform.workers.start((expose.__module__,))
        loop = asyncio.get_running_loop()
        self.service.wake = lambda: _call(loop, self._woken.set)
        with process.busy():
            await self._boot(process)
        while True:
            self._woken.clear()
            await self._abandon_late(process)
            row = await self._next(process) if process.health.phase is Phase.RUNNING else None
            if row is not None and not await self._stalls(process, carrying_of(self.service, row)):
                if process.health.phase is Phase.RUNNING:
                    with process.busy(), _about(row):  # a drain lets it be carried out to its end
                        await self._execute(process, row)
                continue
            with contextlib.suppress(TimeoutError):
                left_s = self._open.left_s if self._open else _IDLE_S
                await asyncio.wait_for(self._woken.wait(), min(_IDLE_S, left_s))

    async def heartbeat(self, process: ServiceProcess) -> None:
        """Tell once a second that the camera lives."""
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                state = await asyncio.to_thread(self._state)
                process.health.meters.component(self.service.component, state.name)
                beat = Heartbeat(component=self.service.component, summary_state=state)
                await process.send_telemetry(beat)
            await asyncio.sleep(_HEARTBEAT_S)

    def _state(self) -> SummaryState:
        with self.service.database.reading() as session:
            return self.service.state(session)

    async def _boot(self, process: ServiceProcess) -> None:
        """End the commands of earlier boots, remove what they have half written, tell the state."""

        def interrupted() -> tuple[list[CommandRow], list[ExposureRow]]:
            with self.service.database.reading() as session:
                queries = CameraQueries(session)
                rows = [row for row in queries.unfinished() if row.boot_id != self.service.boot_id]
                return rows, [image for row in rows for image in queries.images(row.command_id)]

        rows, images = await Transactions(process).until_stored(interrupted)
        await self._remove(images)

        def work(unit: UnitOfWork) -> None:
            for row in rows:
                carrying = carrying_of(self.service, row)
                events = carrying.end_interrupted(unit.session, self._now())
                unit.emit(Outgoing(event, row.run_id) if row.run_id else event for event in events)
            for image in CameraQueries(unit.session).open_images():
                image.state = ExposureState.ABORTED
            state = self.service.state(unit.session)
            unit.emit([self.service.change_state(unit.session, state, "the camera has come up")])
            now = self.service.detailed(unit.session)
            unit.emit([*now.at_rest(), now.command(CommandSubstate.IDLE)])
            unit.emit([*itself(self.service.component, self.service.instrument), self.service.log.told()])

        await Transactions(process).once(f"boot:{self.service.boot_id}", "", work)

    async def _next(self, process: ServiceProcess) -> CommandRow | None:
        def work() -> CommandRow | None:
            with self.service.database.reading() as session:
                waiting = CameraQueries(session).unfinished()
                return waiting[0] if waiting else None

        return await Transactions(process).until_stored(work)

    async def _stalls(self, process: ServiceProcess, carrying: Carrying) -> bool:
        """Tell whether there is no room for an image now; who commanded it is told so."""

        def look() -> str:
            with self.service.database.reading() as session:
                return carrying.lacks(session, self._now())

        why = await Transactions(process).until_stored(look)
        if not why:
            process.health.well("room")
            return False
        process.health.trouble("room", why)

        def tell(unit: UnitOfWork) -> bool:
            unit.emit(told := carrying.stall(unit.session, why, self._now()))
            return bool(told)

        cause = f"{carrying.command_id}:stalled:{self._now()}"
        process.health.count("stalled", int(await Transactions(process).unit(cause, carrying.run_id, tell)))
        return True

    async def _execute(self, process: ServiceProcess, row: CommandRow) -> None:
        carrying = carrying_of(self.service, row)

        def begin(unit: UnitOfWork) -> bool:
            refusal = carrying.begin(unit.session, self._now())
            unit.emit(refusal)
            return not refusal

        if not await Transactions(process).unit(f"{row.command_id}:begin", row.run_id, begin):
            return
        try:
            end = await self._work(process, carrying)
        except (NightFull, NoFolder) as error:
            end = AckCode.FAILED, str(error)
        except Exception as error:
            log.exception("command %s failed", row.command_id)
            await self._fault(process, carrying, _told(error), tellable(traceback.format_exc()))
            return
        if end is not None:
            await self._end(process, carrying, *end)

    async def _work(self, process: ServiceProcess, carrying: Carrying) -> tuple[AckCode, str] | None:
        """Do what the command asks for; return how it ended and what to say of it, None where that is said."""
        imaging = self._imaging(process)
        if isinstance(carrying, TakingImages):
            return await self._take_images(process, imaging, carrying)
        if isinstance(carrying, OpeningImage):
            self._open = OpenImage(carrying, (await imaging.open(carrying)).image_name)
            return None
        return await imaging.carry_out(carrying)

    async def _take_images(
        self, process: ServiceProcess, imaging: Imaging, carrying: TakingImages
    ) -> tuple[AckCode, str]:
        await imaging.wake_changer(carrying)
        count = carrying.command.num_images
        for index in range(1, count + 1):
            while await self._stalls(process, carrying):  # noqa: ASYNC110  a disk has no event for it
                await asyncio.sleep(transactions.RETRY_S)
            if await self._stopped(process, carrying):
                return AckCode.ABORTED, f"stopped after {index - 1} of {count} image(s)"
            with spans.span("image"):
                await imaging.take(carrying, index)
        return AckCode.COMPLETE, f"{count} image(s) taken"

    async def _abandon_late(self, process: ServiceProcess) -> None:
        """Give up the open image when endImage has not come in time."""
        late = self._open
        if late is None or late.left_s > 0:
            return
        self._open = None
        await self._imaging(process).abandon(late.opening, late.image_name)

    def _imaging(self, process: ServiceProcess) -> Imaging:
        return Imaging(Transactions(process), self.platform, self.service.clock)

    async def _stopped(self, process: ServiceProcess, carrying: Carrying) -> bool:
        def look() -> bool:
            with self.service.database.reading() as session:
                return carrying.stopped(session)

        return await Transactions(process).until_stored(look)

    async def _end(self, process: ServiceProcess, carrying: Carrying, ack: AckCode, why: str) -> None:
        def work(unit: UnitOfWork) -> None:
            unit.emit(carrying.finish(unit.session, ack, why, self._now()))

        await Transactions(process).once(f"{carrying.command_id}:end", carrying.run_id, work)
        log.info("command %s: %s: %s", carrying.command_id, ack.name, why)

    async def _fault(self, process: ServiceProcess, carrying: Carrying, error: str, where: str) -> None:
        def images() -> list[ExposureRow]:
            with self.service.database.reading() as session:
                return CameraQueries(session).images(carrying.command_id)

        await self._remove(await Transactions(process).until_stored(images))

        def work(unit: UnitOfWork) -> None:
            unit.emit(carrying.fault(unit.session, error, self._now(), where))

        await Transactions(process).once(f"{carrying.command_id}:fault", carrying.run_id, work)

    async def _remove(self, images: Iterable[ExposureRow]) -> None:
        """Remove the files of images that were begun and not stored."""
        for image in images:
            if image.state != ExposureState.BEGUN:
                continue
            try:
                await asyncio.to_thread(remove_image, self.platform.objects, image.day_obs, image.image_name)
            except (OSError, StoreUnavailable) as error:
                log.warning("files of %s stay behind: %s", image.image_name, error)

    def _now(self) -> int:
        return self.platform.clock.tai_ns()


@contextlib.contextmanager
def _about(row: CommandRow) -> Iterator[None]:
    """Let log lines and spans of this block be about a command and its run."""
    with (
        bound(correlation_id=row.run_id),
        spans.continuing(row.traceparent, row.run_id, f"execute {row.name}"),
    ):
        yield


def _told(error: Exception) -> str:
    """Return an error for a person, with its type where its text was not written for one."""
    text = tellable(str(error)) or "no further text"
    return text if isinstance(error, CalibrantError) else f"{type(error).__name__}: {text}"


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function)
