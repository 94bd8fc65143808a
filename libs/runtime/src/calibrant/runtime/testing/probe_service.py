"""A tiny real service, twice: it asks itself for one job, hears that it is done, and says so.

Owns no expectations. It can be told to kill itself at a named step. Not for production:
``python -m calibrant.runtime.testing.probe_service FOLDER [--kill-at STEP] [--passing N]``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from sqlmodel import Field, SQLModel, select

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.handlers import Context, JobResult, collect, job, on
from calibrant.runtime.platform import Platform, open_platform
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.fakes import combine_job
from calibrant.runtime.testing.probe_work import compute

JOB_ID = "probe-job"
SEED = "probe-seed"
PATIENCE_S = 30.0
MIGRATIONS = Path(__file__).parent / "migrations"


class EffectRow(SQLModel, table=True):
    """What a handler did; doing it twice makes two rows."""

    __tablename__ = "probe_effect"

    number: int | None = Field(default=None, primary_key=True)
    job_id: str
    what: str


class KillAt(Probe):
    """Kills this process when a step is passed for the n-th time.

    Parameters
    ----------
    step : Step
        Where.
    passing : int
        At which passing, counted from 1.
    """

    def __init__(self, step: Step, passing: int) -> None:
        self._step = step
        self._left = passing

    def at(self, step: Step) -> None:
        """Die, if it is time."""
        if step is self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@job(CombineJob, compute=compute)
def record(done: CombineJob, result: JobResult, context: Context[None]) -> Iterator[JobDone]:
    """Record the job's result: one row, one event."""
    context.session.add(EffectRow(job_id=done.job_id, what=result.artifacts["product"].sha256))
    yield JobDone(job_id=done.job_id, execution_id=result.execution_id)


@on(JobDone)
def hear(done: JobDone, context: Context[None]) -> Iterator[RunProgress]:
    """Hear that the job is done: one row, one event."""
    context.session.add(EffectRow(job_id=done.job_id, what="heard"))
    yield RunProgress(run_id=context.run_id, phase="working", message="heard", nodes_ended=1, nodes=1)


def service(name: str, handler: object, platform: Platform) -> ServiceProcess:
    """Make a service with one handler."""
    module = ModuleType(name)
    vars(module)["handler"] = handler
    spec = ServiceSpec(name, None, collect(module), platform.database(name), MIGRATIONS)
    return ServiceProcess(spec, platform)


async def work(folder: Path, probe: Probe) -> None:
    """Work until everything has been dealt with, then drain.

    Raises
    ------
    TimeoutError
        It has not in half a minute.
    """
    settings = PlatformSettings(data_dir=folder, worker_slots=1)
    async with open_platform(settings, probe=probe) as platform:
        processes = [service("sequencer", hear, platform), service("combine", record, platform)]
        try:
            for process in processes:
                await process.start()
            await asyncio.to_thread(_seed, processes[0])
            async with asyncio.timeout(PATIENCE_S):
                while not await _finished(processes):  # noqa: ASYNC110  the databases have no event for it
                    await asyncio.sleep(0.02)
        finally:
            await asyncio.gather(*(process.stop(5.0) for process in processes))


def _seed(process: ServiceProcess) -> None:
    with process.unit_of_work(SEED, "probe-run") as unit:
        if not unit.was_done(SEED):
            unit.emit([combine_job(JOB_ID)])
            unit.mark_done(SEED)


async def _finished(processes: Sequence[ServiceProcess]) -> bool:
    heard = await asyncio.to_thread(_effects, processes[0])
    states = [await process.status() for process in processes]
    waiting = [state["outbox"] + state["in_hand"] + sum(state["lag"].values()) for state in states]
    return heard > 0 and not any(waiting)


def _effects(process: ServiceProcess) -> int:
    with process.database.reading() as session:
        return len(session.exec(select(EffectRow)).all())


def main(arguments: Sequence[str]) -> None:
    """Run it once."""
    parser = argparse.ArgumentParser(description="A service that a test kills.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kill-at", type=Step)
    parser.add_argument("--passing", type=int, default=1)
    chosen = parser.parse_args(arguments)
    probe = KillAt(chosen.kill_at, chosen.passing) if chosen.kill_at else Probe()
    asyncio.run(work(chosen.folder, probe))


def serve_forks() -> None:
    """Run it in a fork for each line of arguments that is read, and write how the fork ended.

    A fork has everything imported: a test that needs many short lives need not wait for imports.
    """
    for module in ("alembic.command", "alembic.runtime.environment", "alembic.ddl"):
        import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                main(line.split())
            except BaseException as error:  # noqa: BLE001  the fork must never go on to read the next line
                sys.stderr.write(f"{error!r}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
