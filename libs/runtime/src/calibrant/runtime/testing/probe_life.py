"""One life of a process with the probe services: it works until nothing is left to do, or kills itself on the way.

Owns no expectations.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlmodel import func, select

from calibrant.runtime.platform import Platform
from calibrant.runtime.probe import Step
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.testing.fakes import combine_job
from calibrant.runtime.testing.lives import KillAt, settled
from calibrant.runtime.testing.probe_service import EffectRow, hear, record, service
from calibrant.runtime.testing.probe_site import PATIENCE_S, ProbeSite
from calibrant.runtime.testing.services import send_done

JOB_ID = "probe-job"
SEED = "probe-seed"


@dataclass(frozen=True, slots=True)
class Life:
    """What a process is to do.

    Parameters
    ----------
    site : ProbeSite
        Where it works.
    kill_at : Step or None
        Where it kills itself; None: it works to the end.
    passing : int
        At which passing of that step, counted from 1.
    answers : int
        So many answers, which nobody has asked for, wait when it starts, to be dealt with at once; 0: it asks
        for a job and deals with that and its answer.
    """

    site: ProbeSite
    kill_at: Step | None = None
    passing: int = 1
    answers: int = 0


def begin(life: Life) -> Callable[[], None]:
    """Begin a process that lives a life; what the killed have left to the kernel is none of its business."""
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"
    return partial(_live, life)


def _live(life: Life) -> None:
    asyncio.run(live(life))


async def live(life: Life) -> None:
    """Work until everything has been dealt with, then drain.

    Raises
    ------
    TimeoutError
        It has not in a minute.
    """
    async with life.site.platform(KillAt(life.kill_at, life.passing)) as platform:
        processes = [service("sequencer", hear, platform)]
        if life.answers:
            await _send_answers(life.answers, platform)
        else:
            processes.append(service("combine", record, platform))
        try:
            for process in processes:
                await process.start()
            if not life.answers:
                await asyncio.to_thread(_ask_for_the_job, processes[0])
            async with asyncio.timeout(PATIENCE_S):
                while not await _finished(processes):  # noqa: ASYNC110  the databases have no event for it
                    await asyncio.sleep(0.02)
        finally:
            await asyncio.gather(*(process.stop(5.0) for process in processes))


async def _send_answers(number: int, platform: Platform) -> None:
    """Send them as somebody who does not remember having sent them before: under the same identifiers."""
    await platform.ensure_topics("sequencer")
    await send_done(platform, *(f"{JOB_ID}-{at}" for at in range(number)))


def _ask_for_the_job(process: ServiceProcess) -> None:
    with process.unit_of_work(SEED, "probe-run") as unit:
        if not unit.was_done(SEED):
            unit.emit([combine_job(JOB_ID)])
            unit.mark_done(SEED)


async def _finished(processes: Sequence[ServiceProcess]) -> bool:
    heard = await asyncio.to_thread(_effects, processes[0])
    return heard > 0 and all([await settled(process) for process in processes])


def _effects(process: ServiceProcess) -> int:
    with process.database.reading() as session:
        return session.exec(select(func.count()).select_from(EffectRow)).one()
