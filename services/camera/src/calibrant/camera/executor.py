"""Carries accepted commands out, one after the other, beside the handlers.

Owns the order of the steps and what happens between two transactions: waiting, child processes, files. Must not
know how a command is taken in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from calibrant.bus.errors import CalibrantError
from calibrant.camera.exposing import FramePlan, expose, remove_image
from calibrant.camera.night import NightFull
from calibrant.camera.sequence import TakingImages
from calibrant.camera.service import CameraService
from calibrant.camera.store import CameraQueries, CommandRow, CommandState, ExposureRow, ExposureState
from calibrant.contracts.camera.v1 import AckCode, Heartbeat, StoredFile, SummaryState, TakeImages
from calibrant.runtime.database import DatabaseUnavailable
from calibrant.runtime.health import Phase
from calibrant.runtime.limits import WorkerDied
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.telemetry import spans
from calibrant.runtime.telemetry.bound import bound
from calibrant.runtime.unit_of_work import Outgoing, UnitOfWork

log = logging.getLogger(__name__)
T = TypeVar("T")
_IDLE_S = 1.0
_RETRY_S = 1.0
_HEARTBEAT_S = 1.0
_ATTEMPTS = 3
"""How often a frame is begun when the child process dies under it."""


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

    async def execute_commands(self, process: ServiceProcess) -> None:
        """Put in order what an earlier boot has left, then carry out commands for ever."""
        self.platform.workers.start((expose.__module__,))
        loop = asyncio.get_running_loop()
        self.service.wake = lambda: _call(loop, self._woken.set)
        with process.busy():
            await self._boot(process)
        while True:
            self._woken.clear()
            row = await self._next(process) if process.health.phase is Phase.RUNNING else None
            if row is not None and not await self._stalls(process, self._taking(row)):
                if process.health.phase is Phase.RUNNING:
                    with process.busy(), _about(row):  # a drain lets it be carried out to its end
                        await self._execute(process, row)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _IDLE_S)

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

        rows, images = await self._until_stored(process, interrupted)
        await self._remove(images)

        def work(unit: UnitOfWork) -> None:
            for row in rows:
                taking = self._taking(row)
                events = taking.end_interrupted(unit.session, self._now())
                unit.emit(Outgoing(event, row.run_id) if row.run_id else event for event in events)
            state = self.service.state(unit.session)
            unit.emit([self.service.change_state(unit.session, state, "the camera has come up")])

        await self._once(process, f"boot:{self.service.boot_id}", "", work)

    async def _next(self, process: ServiceProcess) -> CommandRow | None:
        def work() -> CommandRow | None:
            with self.service.database.reading() as session:
                waiting = [r for r in CameraQueries(session).unfinished() if r.state == CommandState.ACCEPTED]
                return waiting[0] if waiting else None

        return await self._until_stored(process, work)

    async def _stalls(self, process: ServiceProcess, taking: TakingImages) -> bool:
        """Tell whether there is no room for an image now; who commanded it is told so."""

        def look() -> str:
            with self.service.database.reading() as session:
                return taking.lacks(session, self._now())

        why = await self._until_stored(process, look)
        if not why:
            process.health.well("room")
            return False
        process.health.trouble("room", why)

        def tell(unit: UnitOfWork) -> bool:
            unit.emit(told := taking.stall(unit.session, why, self._now()))
            return bool(told)

        cause = f"{taking.command_id}:stalled:{self._now()}"
        process.health.count("stalled", int(await self._unit(process, cause, taking.run_id, tell)))
        return True

    async def _execute(self, process: ServiceProcess, row: CommandRow) -> None:
        taking = self._taking(row)

        def begin(unit: UnitOfWork) -> bool:
            refusal = taking.begin(unit.session, self._now())
            unit.emit(refusal)
            return not refusal

        if not await self._unit(process, f"{row.command_id}:begin", row.run_id, begin):
            return
        try:
            for index in range(1, taking.command.num_images + 1):
                with spans.span("image"):
                    await self._image(process, taking, index)
        except NightFull as error:
            await self._end(process, taking, AckCode.FAILED, str(error))
        except Exception as error:
            log.exception("command %s failed", row.command_id)
            await self._fault(process, taking, _told(error))
        else:
            await self._end(process, taking, AckCode.COMPLETE, f"{taking.command.num_images} image(s) taken")

    async def _image(self, process: ServiceProcess, taking: TakingImages, index: int) -> None:
        cause = f"{taking.command_id}:{index}"
        while await self._stalls(process, taking):  # noqa: ASYNC110  a disk has no event for it
            await asyncio.sleep(_RETRY_S)

        def begin(unit: UnitOfWork) -> tuple[ExposureRow, list[FramePlan]]:
            row, events = taking.begin_image(unit.session, index)
            unit.emit(events)
            return row, taking.plans(unit.session, row)

        image, plans = await self._unit(process, f"{cause}:begin", taking.run_id, begin)
        await self._wait(image.exposure_time_s)
        taken = (self._frame(process, plan) for plan in plans)
        results = await asyncio.gather(*taken, return_exceptions=True)
        files = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            files.append(result)
        await self._wait(self.service.parameters.readout_s)

        def store(unit: UnitOfWork) -> None:
            unit.emit(taking.store_image(unit.session, image, files, self._now()))

        await self._once(process, f"{cause}:store", taking.run_id, store)

    async def _frame(self, process: ServiceProcess, plan: FramePlan) -> StoredFile:
        """Take a frame; while the disk is full or the object store is away, wait and take it again."""
        deaths = 0
        while True:
            try:
                file = await self.platform.workers.run(expose, plan, self.platform.objects)
            except StoreUnavailable as error:
                process.health.trouble("objects", str(error))
                log.warning("%s waits: %s", plan.key, error)
                await asyncio.sleep(_RETRY_S)
            except WorkerDied:
                deaths += 1
                if deaths == _ATTEMPTS:
                    raise
                log.warning("the child process died under %s; it is taken again", plan.key)
            else:
                process.health.well("objects")
                return file

    async def _end(self, process: ServiceProcess, taking: TakingImages, ack: AckCode, why: str) -> None:
        def work(unit: UnitOfWork) -> None:
            unit.emit(taking.end(unit.session, ack, why, self._now()))

        await self._once(process, f"{taking.command_id}:end", taking.run_id, work)

    async def _fault(self, process: ServiceProcess, taking: TakingImages, error: str) -> None:
        def images() -> list[ExposureRow]:
            with self.service.database.reading() as session:
                return CameraQueries(session).images(taking.command_id)

        await self._remove(await self._until_stored(process, images))

        def work(unit: UnitOfWork) -> None:
            unit.emit(taking.fault(unit.session, error, self._now()))

        await self._once(process, f"{taking.command_id}:fault", taking.run_id, work)

    async def _remove(self, images: Iterable[ExposureRow]) -> None:
        """Remove the files of images that were begun and not stored."""
        for image in images:
            if image.state != ExposureState.BEGUN:
                continue
            try:
                await asyncio.to_thread(remove_image, self.platform.objects, image.day_obs, image.image_name)
            except (OSError, StoreUnavailable) as error:
                log.warning("files of %s stay behind: %s", image.image_name, error)

    def _taking(self, row: CommandRow) -> TakingImages:
        command = row.command()
        assert isinstance(command, TakeImages)  # every other command is done when it is taken in
        return TakingImages(self.service, command, row.run_id)

    async def _wait(self, simulated_s: float) -> None:
        if self.service.speed > 0:
            await asyncio.sleep(simulated_s / self.service.speed)

    def _now(self) -> int:
        return self.platform.clock.tai_ns()

    async def _once(
        self, process: ServiceProcess, cause: str, run_id: str, work: Callable[[UnitOfWork], None]
    ) -> None:
        """Run a transaction that must not be run again where it went through and its answer was lost."""

        def unless_done(unit: UnitOfWork) -> None:
            if not unit.was_done(cause):
                work(unit)
                unit.mark_done(cause)

        await self._unit(process, cause, run_id, unless_done)

    async def _unit(
        self, process: ServiceProcess, cause: str, run_id: str, work: Callable[[UnitOfWork], T]
    ) -> T:
        def in_transaction() -> T:
            with process.unit_of_work(cause, run_id or None) as unit:
                return work(unit)

        return await self._until_stored(process, in_transaction)

    async def _until_stored(self, process: ServiceProcess, work: Callable[[], T]) -> T:
        """Run a transaction on a thread; while the database is unavailable, wait and try again."""
        while True:
            try:
                result = await asyncio.to_thread(work)
            except DatabaseUnavailable as error:
                process.health.trouble("database", str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                process.health.well("database")
                return result


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
    text = str(error) or "no further text"
    return text if isinstance(error, CalibrantError) else f"{type(error).__name__}: {text}"


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function)
