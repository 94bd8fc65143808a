"""Long work: claim (the attempt persisted first), compute in a child, put artifacts, record in one short transaction.

Owns jobs and executions. The first recorded result of a job stays: a repeated request is answered from it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, func, select

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.bus.ports import Record
from calibrant.contracts.common.v1 import DataRef, JobFailed
from calibrant.runtime.dead_letters import Death, bury
from calibrant.runtime.events import Desk, death_of, take_in
from calibrant.runtime.handlers import Context, JobHandler, JobResult, Outcome, Workspace
from calibrant.runtime.ids import Ids
from calibrant.runtime.intake import Decoded
from calibrant.runtime.objects import ObjectStore, file_hash
from calibrant.runtime.probe import Step
from calibrant.runtime.tables import ExecutionRow, JobRow
from calibrant.runtime.unit_of_work import unit_of_work
from calibrant.runtime.workers import WorkerDied, Workers

log = logging.getLogger(__name__)
CRASHES = 3
"""Deaths of the child process after which a job is given up."""
INTERRUPTIONS = 10
"""Ends of the whole service in mid-job after which a job is given up: it may be what ends it."""


@dataclass(frozen=True, slots=True)
class JobDesk:
    """What computing needs beside the service's desk."""

    objects: ObjectStore
    workers: Workers
    ids: Ids
    scratch: Path
    config: Mapping[str, str]


@dataclass(slots=True)
class JobProcessor:
    """Processes records by job handlers.

    Parameters
    ----------
    desk : Desk
        The service's database, clock and policies.
    jobs : JobDesk
        Object store, child processes, scratch space.
    handlers : dict
        By full name of the message; every such message has a ``job_id``.
    """

    desk: Desk
    jobs: JobDesk
    handlers: dict[str, JobHandler]

    async def process(self, record: Record) -> None:
        """Deal with a record, whatever it is; afterwards its offset may be committed."""
        self.desk.probe.at(Step.FETCHED)
        decoded = await take_in(self.desk, record, frozenset(self.handlers))
        if decoded is None:
            return
        try:
            await self._run(record, decoded)
        except Exception as error:
            if not isinstance(error, (PermanentError, TransientError)):
                log.exception("fault in job %s", _job_id(decoded))
            kind = "permanent" if isinstance(error, PermanentError) else "fault"
            await self._give_up(record, decoded, kind, error)
        self.desk.wake_relay()

    async def _run(self, record: Record, decoded: Decoded) -> None:
        failed = 0
        while True:
            execution = await self._claim(decoded)
            if execution is None:
                return
            self.desk.probe.at(Step.CLAIMED)
            try:
                await self._compute(decoded, execution)
            except (WorkerDied, TransientError) as error:
                failed += 1
                crashed = isinstance(error, WorkerDied)
                await self._end(execution, "crashed" if crashed else "retried", str(error))
                delay_s = self.desk.backoff.delay_s(failed, random.random)
                if delay_s is None or (crashed and await self._crashes(decoded) >= CRASHES):
                    await self._give_up(record, decoded, "exhausted", error)
                    return
                log.warning("job %s: attempt %d: %s", execution.job_id, execution.attempt, error)
                await self.desk.sleep(delay_s)
            except Exception as error:
                await self._end(execution, "failed", f"{type(error).__name__}: {error}")
                raise
            else:
                self.desk.health.count("jobs")
                return

    async def _claim(self, decoded: Decoded) -> ExecutionRow | None:
        """Persist the attempt; None when the job needs no computing (any more)."""
        claimed: list[ExecutionRow] = []
        envelope, job_id = decoded.envelope, _job_id(decoded)

        def work() -> None:
            claimed.clear()
            with self._unit(decoded) as unit:
                if unit.was_done(envelope.id):
                    return
                known = unit.session.get(JobRow, job_id)
                if known is not None:
                    result = JobResult.model_validate_json(known.result)
                    unit.emit(self._record(decoded, result, unit.session))
                    unit.mark_done(envelope.id)
                    return
                attempt = 1 + _count(unit.session, envelope.id)
                if _count(unit.session, envelope.id, "running") >= INTERRUPTIONS:
                    raise PermanentError(
                        f"job {job_id} was being computed {INTERRUPTIONS} times when its service ended; "
                        "it may be what ends it. Look at its inputs, then replay the dead letter"
                    )
                row = ExecutionRow(
                    execution_id=self.jobs.ids.new(),
                    job_id=job_id,
                    event_id=envelope.id,
                    attempt=attempt,
                    state="running",
                    host=socket.gethostname(),
                    begun_tai_ns=self.desk.clock.tai_ns(),
                )
                unit.session.add(row)
                claimed.append(row)

        await self.desk.until_stored(f"claim of {job_id}", work)
        return claimed[0] if claimed else None

    async def _compute(self, decoded: Decoded, execution: ExecutionRow) -> None:
        handler = self.handlers[decoded.envelope.type]
        scratch = await asyncio.to_thread(self._scratch)
        try:
            workspace = Workspace(scratch, self.jobs.objects, self.jobs.config)
            outcome = await self.jobs.workers.run(handler.compute, decoded.message, workspace)
            self.desk.probe.at(Step.COMPUTED)
            refs = await asyncio.to_thread(self._put, outcome, scratch)
            self.desk.probe.at(Step.ARTIFACT_PUT)
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, True)
        result = JobResult(execution_id=execution.execution_id, artifacts=refs, data=outcome.data)
        await self.desk.until_stored(
            f"result of {execution.job_id}", lambda: self._store(decoded, execution, outcome, result)
        )

    def _store(self, decoded: Decoded, execution: ExecutionRow, outcome: Outcome, result: JobResult) -> None:
        with self._unit(decoded) as unit:
            if unit.was_done(decoded.envelope.id):
                return
            known = unit.session.get(JobRow, execution.job_id)
            first = known is None
            if known is not None:
                result = JobResult.model_validate_json(known.result)
            else:
                unit.session.add(
                    JobRow(
                        job_id=execution.job_id,
                        execution_id=execution.execution_id,
                        result=result.model_dump_json(exclude_none=True),
                        done_tai_ns=self.desk.clock.tai_ns(),
                    )
                )
            self._mark(unit.session, execution, "done" if first else "superseded", backend=outcome.backend)
            unit.emit(self._record(decoded, result, unit.session))
            unit.mark_done(decoded.envelope.id)
            self.desk.probe.at(Step.BEFORE_COMMIT)
        self.desk.probe.at(Step.COMMITTED)

    def _put(self, outcome: Outcome, scratch: Path) -> dict[str, DataRef]:
        refs = {}
        for artifact in outcome.artifacts:
            path = scratch / artifact.path
            sha256, _ = file_hash(path)
            key = f"{artifact.prefix}/{sha256[:2]}/{sha256}{''.join(path.suffixes)}"
            refs[artifact.name] = self.jobs.objects.put_if_absent(key, path, artifact.media_type)
        return refs

    async def _give_up(self, record: Record, decoded: Decoded, kind: str, error: BaseException) -> None:
        death = death_of(decoded.envelope, kind, error, 1)

        def work() -> None:
            with self._unit(decoded) as unit:
                attempts = max(1, _count(unit.session, decoded.envelope.id))
                failed = JobFailed(
                    job_id=_job_id(decoded),
                    error=type(error).__name__,
                    reason=death.reason,
                    attempts=attempts,
                )
                counted = Death(death.event_id, death.message_type, death.error, death.reason, attempts)
                bury(unit.session, self.desk.clock, record, counted)
                unit.emit([failed])

        log.error("job %s is given up (%s): %s", _job_id(decoded), kind, death.reason)
        await self.desk.until_stored("dead letter", work)
        self.desk.health.count("dead_letters")

    async def _end(self, execution: ExecutionRow, state: str, error: str) -> None:
        def work() -> None:
            with self.desk.database.writing() as session:
                self._mark(session, execution, state, error=error)

        await self.desk.until_stored(f"end of {execution.execution_id}", work)

    async def _crashes(self, decoded: Decoded) -> int:
        def work() -> int:
            with self.desk.database.reading() as session:
                return _count(session, decoded.envelope.id, "crashed")

        return await asyncio.to_thread(work)

    def _mark(
        self, session: Session, execution: ExecutionRow, state: str, *, error: str = "", backend: str = ""
    ) -> None:
        row = session.get(ExecutionRow, execution.execution_id)
        assert row is not None
        row.state, row.error, row.backend = state, error, backend
        row.ended_tai_ns = self.desk.clock.tai_ns()
        session.add(row)

    def _record(self, decoded: Decoded, result: JobResult, session: Session):  # type: ignore[no-untyped-def]  # noqa: ANN202
        handler = self.handlers[decoded.envelope.type]
        context = Context(self.desk.service, session, decoded.envelope, self.desk.clock)
        return handler.record(decoded.message, result, context)

    def _unit(self, decoded: Decoded):  # type: ignore[no-untyped-def]  # noqa: ANN202
        envelope = decoded.envelope
        return unit_of_work(
            self.desk.database,
            self.desk.name,
            self.desk.clock,
            cause=envelope.id,
            correlation_id=envelope.correlation_id,
        )

    def _scratch(self) -> Path:
        self.jobs.scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="job-", dir=self.jobs.scratch))


def _job_id(decoded: Decoded) -> str:
    return str(decoded.message.job_id)  # type: ignore[attr-defined]  # every job message has one


def _count(session: Session, event_id: str, state: str | None = None) -> int:
    query = select(func.count()).select_from(ExecutionRow).where(col(ExecutionRow.event_id) == event_id)
    if state is not None:
        query = query.where(col(ExecutionRow.state) == state)
    return session.exec(query).one()
