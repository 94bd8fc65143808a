"""Takes one image, or makes ready for one: waits on the camera's clock, tells what happens when it happens.

Owns what happens between an image's transactions. Must not know how a command is begun or ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from calibrant.camera import transactions
from calibrant.camera.carrying import Carrying
from calibrant.camera.changer import waking_s
from calibrant.camera.defining import DefiningPlaylist
from calibrant.camera.exposing import FramePlan, expose
from calibrant.camera.opening import EndingImage, OpeningImage, abandon
from calibrant.camera.preparing import Preparing
from calibrant.camera.recordings import NoFolder, recordings
from calibrant.camera.sequence import TakingImages
from calibrant.camera.stamps import StampsPlan, take_stamps
from calibrant.camera.store import ExposureRow
from calibrant.camera.telling import Moment, Telling
from calibrant.camera.ticking import SimulatedClock
from calibrant.camera.transactions import Transactions
from calibrant.camera.waking import WakingChanger
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import AckCode, StoredFile
from calibrant.frames.times import NS_PER_S
from calibrant.runtime.limits import WorkerDied
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.platform import Platform
from calibrant.runtime.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)
_ATTEMPTS = 3
"""How often a frame is begun when the child process dies under it."""


@dataclass(frozen=True, slots=True)
class Imaging:
    """Takes images of commands.

    Parameters
    ----------
    transactions
        Of the camera's process.
    platform
        Object store and child processes.
    clock
        The camera's clock.
    """

    transactions: Transactions
    platform: Platform
    clock: SimulatedClock

    async def carry_out(self, carrying: Carrying) -> tuple[AckCode, str] | None:
        """Do what a command asks for that is neither to take nor to begin images.

        Returns how it ended and what to say of it, None where that is said.

        Raises
        ------
        NoFolder
            See `define`.
        CalibrantError
            A frame cannot be simulated or stored.
        """
        if isinstance(carrying, EndingImage):
            await self.close(carrying)
            return AckCode.COMPLETE, "1 image(s) taken"
        if isinstance(carrying, Preparing):
            await self.prepare(carrying)
            return AckCode.COMPLETE, "the detectors are empty"
        if isinstance(carrying, DefiningPlaylist):
            await self.define(carrying)
            return None
        await self.wake_changer(carrying)
        return None

    async def take(self, taking: TakingImages, index: int) -> None:
        """Take an image of a command by its place, from 1; when this returns it is stored and told.

        Raises
        ------
        NightFull
            The night has no number left.
        CalibrantError
            A frame cannot be simulated or stored.
        """
        cause = f"{taking.command_id}:{index}"

        def begin(unit: UnitOfWork) -> tuple[ExposureRow, list[FramePlan | StampsPlan]]:
            row, events = taking.begin_image(unit.session, index, self.clock.now_tai_ns())
            unit.emit(events)
            return row, taking.plans(unit.session, row)

        image, plans = await self.transactions.unit(f"{cause}:begin", taking.run_id, begin)
        self.clock.reach(image.begin_tai_ns)
        files, at = await self._read_out(taking, cause, taking.telling(image), plans)

        def store(unit: UnitOfWork) -> None:
            unit.emit(taking.store_image(unit.session, image, files, self.platform.clock.tai_ns(), at))

        await self.transactions.once(f"{cause}:store", taking.run_id, store)

    async def open(self, opening: OpeningImage) -> ExposureRow:
        """Begin an image that endImage ends, and end its command.

        Raises
        ------
        NightFull
            The night has no number left.
        """

        def begin(unit: UnitOfWork) -> ExposureRow:
            row, events = opening.open(unit.session, self.clock.now_tai_ns(), self.platform.clock.tai_ns())
            if events:  # a wait for the database before is no part of the exposure
                opening.service.watch = self.clock.watch()
            unit.emit(events)
            return row

        row = await self.transactions.unit(f"{opening.command_id}:open", opening.run_id, begin)
        self.clock.reach(row.begin_tai_ns)
        return row

    async def close(self, ending: EndingImage) -> None:
        """Read out an image whose integration a command has ended; when this returns it is stored and told.

        Raises
        ------
        CalibrantError
            A frame cannot be simulated or stored.
        """
        cause = f"{ending.command_id}:image"
        image, telling, plans = await self.transactions.unit(
            f"{cause}:begin", ending.run_id, lambda unit: ending.image(unit.session)
        )
        files, at = await self._read_out(ending, cause, telling, plans)

        def store(unit: UnitOfWork) -> None:
            unit.emit(ending.store_image(unit.session, image, files, at))

        await self.transactions.once(f"{cause}:store", ending.run_id, store)

    async def abandon(self, opening: OpeningImage, image_name: str) -> None:
        """Give up an open image whose time is over, unless endImage has come."""
        cause = f"{opening.command_id}:abandon"
        moments: list[Moment] = []

        def give_up(unit: UnitOfWork) -> None:
            moments[:] = abandon(opening.service, unit.session, image_name, self.clock.now_tai_ns())

        await self.transactions.once(cause, opening.run_id, give_up)
        if moments:
            log.warning("%s is abandoned: no endImage came in time", image_name)
        await self._tell(opening, cause, moments)

    async def _read_out(
        self, carrying: Carrying, cause: str, telling: Telling, plans: Sequence[FramePlan | StampsPlan]
    ) -> tuple[list[StoredFile], int]:
        """Make the frames while it is told what happens to the image; return its files, and when they were stored."""
        await self.clock.until(telling.shutter_closed_ns)
        frames = asyncio.gather(*map(self._frame, plans), return_exceptions=True)
        moments = telling.readout()
        try:
            await self._tell(carrying, cause, moments)
            self.clock.reach(telling.row.end_tai_ns)
            files = _all_stored(await frames)
        finally:
            frames.cancel()
        return files, max(self.clock.now_tai_ns(), moments[-1].at_tai_ns)

    async def prepare(self, preparing: Preparing) -> None:
        """Make the detectors ready; when this returns they are."""

        def begin(unit: UnitOfWork) -> int:
            return preparing.service.detailed(unit.session).at_tai_ns

        cause = f"{preparing.command_id}:prepare"
        moments = preparing.moments(await self.transactions.unit(cause, preparing.run_id, begin))
        self.clock.reach(moments[0].at_tai_ns)
        await self._tell(preparing, cause, moments)

    async def wake_changer(self, carrying: Carrying) -> None:
        """Wait until the filter changer is awake that a command needs; one that is about it alone ends then."""
        service, cause = carrying.service, f"{carrying.command_id}:wake"

        def begin(unit: UnitOfWork) -> tuple[int, float]:
            takes_s = waking_s(service, unit.session, carrying.command)
            return service.detailed(unit.session).at_tai_ns, takes_s

        begin_ns, takes_s = await self.transactions.unit(f"{cause}:begin", carrying.run_id, begin)
        awake_ns = begin_ns + round(takes_s * NS_PER_S)
        if takes_s:
            self.clock.reach(begin_ns)
            await self.clock.until(awake_ns)
            self.clock.reach(awake_ns)
        if not isinstance(carrying, WakingChanger):
            return

        def end(unit: UnitOfWork) -> None:
            unit.emit(carrying.woken(unit.session, awake_ns, self.platform.clock.tai_ns()))

        await self.transactions.once(f"{cause}:end", carrying.run_id, end)

    async def define(self, defining: DefiningPlaylist) -> None:
        """Look at the images of a folder, keep them as a list, and end the command.

        Raises
        ------
        NoFolder
            The folder is none of those that frames are taken in from, or an image cannot be played.
        """
        command = defining.command
        if refusal := self.platform.objects.outside.refusal(Path(command.folder)):
            raise NoFolder(refusal)
        canonical = defining.service.camera.instrument
        images = await self.platform.workers.run(recordings, canonical, command.folder, tuple(command.images))

        def keep(unit: UnitOfWork) -> None:
            unit.emit(defining.define(unit.session, images, self.platform.clock.tai_ns()))

        await self.transactions.once(f"{defining.command_id}:define", defining.run_id, keep)

    async def _tell(self, carrying: Carrying, cause: str, moments: Sequence[Moment]) -> None:
        """Tell events when their moments have come."""
        for number, (at_tai_ns, events) in enumerate(moments):
            await self.clock.until(at_tai_ns)

            def tell(unit: UnitOfWork, events: Sequence[Message] = events) -> None:
                unit.emit(events)

            await self.transactions.once(f"{cause}:moment-{number}", carrying.run_id, tell)

    async def _frame(self, plan: FramePlan | StampsPlan) -> StoredFile:
        """Take a frame, or stamps; while the disk is full or the object store is away, wait and take it again."""
        deaths, health = 0, self.transactions.process.health
        work = expose if isinstance(plan, FramePlan) else take_stamps
        while True:
            try:
                file = await self.platform.workers.run(work, plan, self.platform.objects)
            except StoreUnavailable as error:
                health.trouble("objects", str(error))
                log.warning("%s waits: %s", plan.key, error)
                await asyncio.sleep(transactions.RETRY_S)
            except WorkerDied:
                deaths += 1
                if deaths == _ATTEMPTS:
                    raise
                log.warning("the child process died under %s; it is taken again", plan.key)
            else:
                health.well("objects")
                log.debug("%s is stored", plan.key)
                return file


def _all_stored(results: list[StoredFile | BaseException]) -> list[StoredFile]:
    """Return the files once all frames have ended, or raise what the first one ended with."""
    files = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        files.append(result)
    return files
