from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
import pytest_asyncio
from bucket_between import MIB, Between

from calibrant.bus.errors import Backoff, PermanentError
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.desk import Desk
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.handlers import JobHandler, on
from calibrant.runtime.health import Health
from calibrant.runtime.jobs import JobDesk, JobWork
from calibrant.runtime.lanes import Lanes
from calibrant.runtime.leases import Leases
from calibrant.runtime.objects import FolderStore
from calibrant.runtime.platform import open_platform
from calibrant.runtime.probe import Probe
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.scratch import Scratch
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.fakes import CountingIds, FakeClock, InlineWorkers
from calibrant.runtime.testing.jobs import record_result
from calibrant.runtime.testing.lanes import Hands, at_work
from calibrant.runtime.testing.probe_service import MIGRATIONS
from calibrant.runtime.testing.probe_work import compute
from calibrant.runtime.testing.services import table

pytest.register_assert_rewrite("calibrant.runtime.testing.objects")


@pytest.fixture
def database(database_site):
    with database_site.opened(MIGRATIONS, busy_timeout_s=0.05) as database:
        yield database


@pytest_asyncio.fixture
async def hands():
    return Hands()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sleeps():
    return []


@pytest.fixture
def make_desk(database, clock, sleeps):
    """Make a service's desk whose waits are written down instead of waited for."""

    def make(name="sequencer", *, woken=None, on_sleep=None):
        async def sleep(seconds):
            sleeps.append(seconds)
            if on_sleep is not None:
                on_sleep()

        return Desk(
            name,
            "the use cases",
            database,
            clock,
            Health(),
            Probe(),
            woken or (lambda: None),
            backoff=Backoff(initial_s=1.0, factor=2.0, max_s=30.0, attempts=3, jitter=0.0),
            sleep=sleep,
            random=lambda: 0.5,
        )

    return make


@pytest_asyncio.fixture
async def platform(tmp_path):
    async with open_platform(PlatformSettings(data_dir=tmp_path, worker_slots=1)) as platform:
        yield platform


@pytest_asyncio.fixture
async def heard():
    return []


@pytest.fixture
def make_process(platform, heard):
    @on(JobDone)
    def hear(message, context):
        heard.append(message.job_id)
        if message.job_id == "bad":
            raise PermanentError("job bad is bad: mend it")
        return [RunProgress(run_id="r", phase="p", message=message.job_id, nodes_ended=0, nodes=0)]

    def make(name="sequencer", **more):
        spec = ServiceSpec(
            name, None, more.pop("handlers", table(hear=hear)), platform.database(name), MIGRATIONS, **more
        )
        return ServiceProcess(spec, platform)

    return make


@pytest_asyncio.fixture
async def make_jobs(make_desk, tmp_path):
    def make(
        guard=None, *, compute=compute, record=record_result, gather=None, given_up=None, lease_s=0.0, **more
    ):
        desk = make_desk("combine", **more)
        jobs = JobDesk(
            FolderStore(tmp_path / "objects"),
            InlineWorkers(guard),
            ids,
            Scratch(tmp_path / "scratch"),
            Leases(desk.database, desk.clock, f"process-{next(processes)}", lease_s),
            3600.0,
            {"instruments": "/somewhere"},
        )
        handler = JobHandler(CombineJob, compute, record, gather, given_up=given_up)
        work = JobWork(desk, jobs, {CombineJob.message_type: handler})
        return Dispatcher(desk, {CombineJob.message_type: work})

    ids, processes = CountingIds(), count()
    return make


@pytest.fixture
def make_lanes(hands):
    @asynccontextmanager
    async def make(consumer, *, slots=2, ahead=1, ahead_bytes=1 << 20, batch=None):
        lanes = Lanes(
            hands.attempt,
            slots=slots,
            ahead=ahead,
            ahead_bytes=ahead_bytes,
            health=Health(),
            probe=Probe(),
            part="bus of t",
            batch=batch,
        )
        async with at_work(lanes.run(consumer)) as running:
            yield lanes, running

    return make


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.bin"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture
def store(s3, tmp_path):
    return s3.store(tmp_path / "cache", threshold_bytes=MIB, part_bytes=5 * MIB)


@pytest.fixture
def between(s3):
    service = Between(s3.port)
    yield service
    service.close()


@pytest.fixture
def through(store, between):
    """The same store, seen through what misbehaves."""
    return replace(store, bucket=replace(store.bucket, endpoint=between.endpoint, read_s=1.0))
