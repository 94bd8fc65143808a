"""A night's worth of events at once: 189 detectors x 8 frames are dealt with in bounded memory, and planned."""

import asyncio
import resource
from pathlib import Path

import pytest

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.contracts.flow import topic_for
from calibrant.contracts.ingest.v1 import FolderScanned, FrameIngested
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.runtime.access.callers import LOCAL
from calibrant.runtime.consumers import AHEAD
from calibrant.runtime.platform import open_platform
from calibrant.sequencer.app import create_app
from calibrant.sequencer.settings import SequencerSettings

DETECTORS, FRAMES = 189, 8
MOST_BYTES = 24 * 2**20
"""Largest growth of the process' resident memory while it deals with all of them.

9 and 10 MiB were seen, alone and after other tests. 6 of them are the frames, which the plan looks at all at once:
4 KiB each as objects (tracemalloc). The rest are records in hand and pages of SQLite.
"""


def message(event_id, event):
    topic = topic_for("ingest", event.message_type).name
    envelope = Envelope(
        id=event_id,
        source="/calibrant/ingest",
        type=event.message_type,
        time_utc="2027-01-15T00:00:00.000000Z",
        data=event.to_json(),
        correlation_id="run-1",
    )
    return to_message(envelope, topic, event.acquisition_id)


def events(makers, acquisition_id):
    frames = makers.frames({"bias": FRAMES}, range(DETECTORS))
    for frame in frames:
        ingested = FrameIngested(
            acquisition_id=acquisition_id, job_id=f"job-{frame.frame_id}", frame=frame, frames_in_file=1
        )
        yield message(f"event-{frame.frame_id}", ingested)
    scanned = FolderScanned(
        acquisition_id=acquisition_id, folder="folder", files=len(frames), passed_over=0, problem=""
    )
    yield message("event-scanned", scanned)


def resident_bytes():
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


async def count_of(bus, topic):
    return sum((await bus.end_offsets([topic])).values())


async def first_of(bus, topic):
    while not (found := await bus.read(topic, from_start=True, limit=1)):  # noqa: ASYNC110  the log has no event for it
        await asyncio.sleep(0.02)
    return found[0]


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_a_whole_focal_planes_frames_at_once_are_planned_in_bounded_memory(makers, tmp_path):
    settings = SequencerSettings(data_dir=tmp_path / "data", worker_slots=1)
    async with open_platform(settings) as platform:
        process = create_app(settings, platform).state.process
        await process.start()
        process.spec.service.request_run(makers.request(folder=str(tmp_path)), LOCAL.given)
        async with asyncio.timeout(60):
            asked = await first_of(platform.bus, "ingest-requests")
        acquisition_id = FolderIngestRequested.from_json(asked.value).acquisition_id
        process.pause()
        async with platform.bus.producer() as producer:
            await producer.send(list(events(makers, acquisition_id)))
        before, most = resident_bytes(), 0
        process.resume()
        async with asyncio.timeout(500):
            while await count_of(platform.bus, "combine-jobs.cpu") < DETECTORS:
                most = max(most, resident_bytes())
                assert process.in_hand <= 2 * AHEAD
                await asyncio.sleep(0.1)
        assert most - before < MOST_BYTES
        status = await process.status()
        await process.stop(5)
    assert status["dead_letters"] == 0
