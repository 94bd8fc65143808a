"""Long work: claim (the attempt written down first), compute in a child, put artifacts, record in one transaction.

Owns jobs. The first recorded result of a job stays: a repeated request is answered from it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.bus.ports import Record
from calibrant.contracts.common.v1 import DataRef, JobFailed
from calibrant.runtime import executions
from calibrant.runtime.artifacts import put_artifacts
from calibrant.runtime.computing import computed
from calibrant.runtime.dead_letters import Death, bury, told
from calibrant.runtime.desk import Desk
from calibrant.runtime.handlers import Context, JobHandler, JobResult, Outcome, Workspace
from calibrant.runtime.ids import Ids
from calibrant.runtime.intake import Decoded
from calibrant.runtime.leases import Leases
from calibrant.runtime.limits import Limits, WorkerDied
from calibrant.runtime.objects import ObjectStore, StoreUnavailable
from calibrant.runtime.probe import Step
from calibrant.runtime.scratch import Scratch, removing
from calibrant.runtime.tables import ExecutionRow, JobRow
from calibrant.runtime.telemetry import spans
from calibrant.runtime.unit_of_work import Emission, UnitOfWork
from calibrant.runtime.workers import Workers

CRASHES = 3
"""Deaths of the child process after which a job is given up."""
INTERRUPTIONS = 10
"""Sudden ends of the whole service in mid-job after which a job is given up: it may be what ends it."""


class DeadlyJob(PermanentError):
    """A job ended the process that computed it, again and again."""


@dataclass(frozen=True, slots=True)
class JobDesk:
    """What computing needs beside the service's desk."""

    objects: ObjectStore
    workers: Workers
    ids: Ids
    scratch: Scratch
    leases: Leases
    limit_s: float
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JobWork:
    """Deals with jobs.

    Parameters
    ----------
    desk : Desk
        The service's database, clock and policies.
    jobs : JobDesk
        Object store, child processes, scratch space.
    handlers : mapping
        By full name of the message; every such message has a ``job_id``.
    """

    desk: Desk
    jobs: JobDesk
    handlers: Mapping[str, JobHandler]

    async def attempt(self, decoded: Decoded) -> None:
        """Execute a job once, or answer from its known result.

        Raises
        ------
        DeadlyJob
            It has ended too many processes.
        Exception
            Whatever the computation or the recording raised; the attempt is written down as failed.
        """
        with spans.handling(decoded.envelope):
            await self._attempt(decoded)

    async def _attempt(self, decoded: Decoded) -> None:
        execution_id = self.jobs.ids.new()
        with self.jobs.leases.held(execution_id):
            with spans.span("claim"):
                claimed = await self._claim(decoded, execution_id)
            if claimed:
                await self._execute(decoded, execution_id)

    async def _execute(self, decoded: Decoded, execution_id: str) -> None:
        self.desk.probe.at(Step.CLAIMED)
        try:
            with self.desk.health.meters.attempt(decoded.message, _state_after):
                outcome = await self._compute_and_store(decoded, execution_id)
        except asyncio.CancelledError:
            await self._abandon(execution_id)
            raise
        except Exception as error:
            await self._failed(decoded, execution_id, error)
            raise
        self.desk.health.count("jobs")
        self.desk.health.meters.pixels(decoded.message, outcome.pixels)

    async def failures(self, decoded: Decoded, _failed: int, /) -> int:
        """Tell how many attempts have failed, those before a restart included."""

        def work() -> int:
            with self.desk.database.reading() as session:
                return executions.count(session, decoded.envelope.id, *executions.FAILURES)

        return max(await self.desk.until_stored("failures", work), 1)

    async def give_up(self, record: Record, decoded: Decoded, death: Death, /) -> None:
        """Dead-letter the record, emit ``JobFailed`` and what the service tells of a job that is given up."""

        def work() -> bool:
            with self.desk.unit(decoded.envelope) as unit:
                if unit.was_done(death.event_id):
                    return False
                letter = bury(unit.session, self.desk.clock, record, death)
                made = executions.settle(unit.session, self.desk.clock, death.event_id, letter.letter_id)
                letter.attempts = max(made, 1)
                failed = JobFailed(
                    job_id=_job_id(decoded.message),
                    error=death.error_type,
                    reason=death.reason,
                    attempts=letter.attempts,
                )
                unit.emit([failed, *self._told_beside(decoded, death.reason)])
                return True

        with spans.handling(decoded.envelope):
            buried = await self.desk.until_stored("dead letter", work)
        if buried:
            self.desk.tell(record, death)

    def _told_beside(self, decoded: Decoded, why: str) -> Iterable[Emission]:
        given_up = self.handlers[decoded.envelope.type].given_up
        return () if given_up is None else given_up(decoded.message, why)

    async def _claim(self, decoded: Decoded, execution_id: str) -> bool:
        """Write the attempt down; False when the job needs no computing (any more)."""
        envelope, job_id = decoded.envelope, _job_id(decoded.message)
        row = ExecutionRow(
            execution_id=execution_id,
            job_id=job_id,
            event_id=envelope.id,
            attempt=0,
            state="running",
            host=socket.gethostname(),
            owner=self.jobs.leases.owner,
            begun_tai_ns=0,
        )

        def work() -> str | None:
            with self.desk.unit(envelope) as unit:
                if unit.was_done(envelope.id):
                    return "repeated"
                known = unit.session.get(JobRow, job_id)
                if known is not None:
                    self._record(unit, decoded, known)
                    return "known"
                self.jobs.leases.check(unit.session, job_id, execution_id)
                begun = ExecutionRow(**row.model_dump())
                interrupted = executions.begin(unit.session, self.desk.clock, begun)
                if executions.count(unit.session, envelope.id, "interrupted") >= INTERRUPTIONS:
                    raise DeadlyJob(
                        f"job {job_id} was being computed {INTERRUPTIONS} times when its service ended; "
                        "it may be what ends it. Look at its inputs, then replay the dead letter"
                    )
            self.desk.health.meters.interrupted(decoded.message, interrupted)
            self.desk.health.count("taken_over", interrupted)
            return None

        answered = await self.desk.until_stored(f"claim of {job_id}", work)
        if answered is not None:
            self.desk.health.count(answered)
        return answered is None

    async def _compute_and_store(self, decoded: Decoded, execution_id: str) -> Outcome:
        folder = await self.desk.until_kept("scratch folder", self.jobs.scratch.folder)
        async with removing(folder) as begin_removing:
            outcome, refs = await self._compute(decoded, folder)
            begin_removing()  # nobody waits for it, and a disk without room has some again
            result = JobResult(execution_id=execution_id, artifacts=refs, data=outcome.data)
            with spans.span("store"):
                await self.desk.until_stored(
                    f"result of {_job_id(decoded.message)}", lambda: self._store(decoded, outcome, result)
                )
            self.desk.wake_relay()
        return outcome

    async def _compute(self, decoded: Decoded, folder: Path) -> tuple[Outcome, dict[str, DataRef]]:
        compute = self.handlers[decoded.envelope.type].compute
        workspace = Workspace(folder, self.jobs.objects, self.jobs.config, await self._known(decoded))
        with spans.span("compute"):
            outcome = await self.jobs.workers.run(
                computed, compute, decoded.message, workspace, limits=self._limits(decoded.message)
            )
        self.desk.probe.at(Step.COMPUTED)
        with spans.span("put"):
            refs = await self.desk.until_kept(
                "artifacts", lambda: put_artifacts(self.jobs.objects, outcome, folder)
            )
        self.desk.probe.at(Step.ARTIFACT_PUT)
        return outcome, refs

    async def _known(self, decoded: Decoded) -> Mapping[str, JsonValue]:
        """Read what the computation is to know of the service's database."""
        gather = self.handlers[decoded.envelope.type].gather
        if gather is None:
            return {}

        def work() -> Mapping[str, JsonValue]:
            with self.desk.database.reading() as session:
                return gather(decoded.message, self.desk.service, session)

        return await self.desk.until_stored(f"what is known for {_job_id(decoded.message)}", work)

    def _limits(self, job: Any) -> Limits:
        return Limits(int(getattr(job, "memory_bytes", 0)), self.jobs.limit_s)

    def _store(self, decoded: Decoded, outcome: Outcome, result: JobResult) -> None:
        with self.desk.unit(decoded.envelope) as unit:
            job_id = _job_id(decoded.message)
            known = unit.session.get(JobRow, job_id)
            if unit.was_done(decoded.envelope.id):
                if known is None or known.execution_id != result.execution_id:
                    executions.end(unit.session, self.desk.clock, result.execution_id, "superseded")
                return  # else the commit went through, and the answer was lost
            state = "done" if known is None else "superseded"
            row = known or JobRow(
                job_id=job_id,
                execution_id=result.execution_id,
                result=result.model_dump_json(),
                done_tai_ns=self.desk.clock.tai_ns(),
            )
            unit.session.add(row)
            executions.end(unit.session, self.desk.clock, result.execution_id, state, backend=outcome.backend)
            self._record(unit, decoded, row)
            self.desk.probe.at(Step.BEFORE_COMMIT)
        self.desk.probe.at(Step.COMMITTED)

    def _record(self, unit: UnitOfWork, decoded: Decoded, row: JobRow) -> None:
        """Let the service record a result, always as it is read back, and answer the event."""
        handler = self.handlers[decoded.envelope.type]
        context = Context(self.desk.service, unit.session, decoded.envelope, self.desk.clock)
        result = JobResult.model_validate_json(row.result)
        unit.emit(handler.record(decoded.message, result, context))
        unit.mark_done(decoded.envelope.id, decoded.topic)
        unit.write()

    async def _failed(self, decoded: Decoded, execution_id: str, error: Exception) -> None:
        """Write down how an attempt failed; a job that killed its process too often raises ``DeadlyJob``."""
        state = _state_after(error)

        def work() -> int:
            with self.desk.database.writing() as session:
                executions.end(session, self.desk.clock, execution_id, state, error=told(error))
                session.flush()
                return executions.count(session, decoded.envelope.id, "crashed")

        crashes = await self.desk.until_stored(f"end of {execution_id}", work)
        if state == "crashed" and crashes >= CRASHES:
            raise DeadlyJob(
                f"job {_job_id(decoded.message)}: {error}, {crashes} times. Give it more memory or look at "
                "its inputs, then replay the dead letter"
            ) from error

    async def _abandon(self, execution_id: str) -> None:
        def work() -> None:
            with self.desk.database.writing() as session:
                executions.end(session, self.desk.clock, execution_id, "abandoned")

        with suppress(TransientError):  # then the next attempt finds it interrupted
            await asyncio.to_thread(work)


def _job_id(job: Any) -> str:
    """Return the identifier that ``handlers.job`` has made sure of."""
    return str(job.job_id)


def _state_after(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "abandoned"
    if isinstance(error, WorkerDied):
        return "crashed"
    if isinstance(error, StoreUnavailable):
        return "waited"
    return "retried" if isinstance(error, TransientError) else "failed"
