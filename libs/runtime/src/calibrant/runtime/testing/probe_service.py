"""A tiny real service, twice: one computes a job, the other hears that it is done, and says so.

Owns no expectations. Where it stands is ``probe_site``'s, how long it lives ``probe_life``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sqlmodel import Field, SQLModel

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.handlers import Context, JobResult, collect, job, on
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.testing.probe_work import compute

MIGRATIONS = Path(__file__).parent / "migrations"


class EffectRow(SQLModel, table=True):
    """What a handler did; doing it twice makes two rows."""

    __tablename__ = "probe_effect"

    number: int | None = Field(default=None, primary_key=True)
    job_id: str
    what: str


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
