"""Handlers on a real database: frames recorded once, duplicates and refusals."""

import pytest
from sqlmodel import select

from calibrant.contracts.common.v1 import DataRef
from calibrant.contracts.ingest.v1 import (
    FrameIngested,
    FrameRejected,
    ImageInOODS,
    IngestFile,
    TakenImage,
)
from calibrant.ingest import handlers
from calibrant.ingest.reading import FileFacts, FrameFacts
from calibrant.ingest.store import AcquisitionFrameRow, FrameRow, IngestQueries, RejectionRow
from calibrant.runtime.handlers import JobResult, collect

FACTS = FrameFacts(
    frame_id="f1",
    detector=3,
    exposure_id="e1",
    image_type="bias",
    image_type_because="card IMGTYPE is BIAS",
    begin_tai_ns=1_767_225_637_000_000_000,  # 2026-01-01T00:00:00 UTC, worked out by hand: 37 s
    exposure_time_s=0.0,
    dark_time_s=None,
    filter=None,
    night="20251231",
)
REF = DataRef(uri="objects:frames/ab/abc.fits", sha256="abc", size_bytes=9, media_type="image/fits")


def job(name: str, acquisition: str = "a1") -> IngestFile:
    return IngestFile(
        job_id=f"{acquisition}/{name}",
        acquisition_id=acquisition,
        instrument="simcam-tiny",
        file_name=name,
        uri=f"file:/data/{name}",
    )


def result(*frames: FrameFacts, **refusal: str) -> JobResult:
    facts = FileFacts(frames=frames, **refusal)
    return JobResult(execution_id="x", artifacts={"file": REF}, data=facts.model_dump(mode="json"))


@pytest.fixture
def record(database, context_of):
    """Record a job's result in a transaction of its own."""

    def run(message: IngestFile, outcome: JobResult):
        with database.writing() as session:
            return list(handlers.record_file(message, outcome, context_of(session)))

    return run


def counts(database) -> tuple[int, int, int]:
    with database.reading() as session:
        return tuple(
            len(session.exec(select(row)).all()) for row in (FrameRow, AcquisitionFrameRow, RejectionRow)
        )


def test_a_frame_is_recorded_and_told(database, record) -> None:
    [event] = record(job("n1/b.fits"), result(FACTS))
    assert isinstance(event, FrameIngested)
    assert (event.acquisition_id, event.job_id, event.frames_in_file) == ("a1", "a1/n1/b.fits", 1)
    assert event.frame.ref == REF
    assert event.frame.begin.ns == FACTS.begin_tai_ns
    assert (event.frame.file_name, event.frame.instrument) == ("n1/b.fits", "simcam-tiny")
    with database.reading() as session:
        [listed] = IngestQueries(session).frames(image_type="bias")
        shown = IngestQueries(session).frame("f1")
    assert listed["begin"] == "2026-01-01T00:00:00Z"
    assert listed["path"] == "frames/ab/abc.fits"
    assert shown["acquisitions"] == [{"acquisition": "a1", "run": "run-1", "file_name": "n1/b.fits"}]


@pytest.mark.parametrize(
    ("detector", "place"), [("R22_S11", ("R22", "S11")), ("S01", ("", "S01")), ("", ("", ""))]
)
def test_each_detector_of_a_cameras_image_is_acknowledged(record, detector, place) -> None:
    image = TakenImage(camera="camera", image_name="CC_O_20260101_000001", detector_name=detector)
    _, taken_in = record(job("b.fits").model_copy(update={"image": image}), result(FACTS))
    unread = result(reason="truncated", message="it ends early")
    copy = job("copy.fits").model_copy(update={"image": image})
    told = [taken_in, *(record(one, came)[1] for one, came in ((copy, unread), (copy, result(FACTS))))]
    assert [type(one) for one in told] == [ImageInOODS] * 3
    assert {(one.camera, one.obsid) for one in told} == {("camera", "CC_O_20260101_000001")}
    assert {(one.raft, one.sensor) for one in told} == {place}
    assert [one.status_code for one in told] == [0, 1, 1]
    assert [one.description.partition(":")[0] for one in told] == ["ingested", "truncated", "duplicate"]


def test_a_detector_whose_job_is_given_up_is_acknowledged_too() -> None:
    handler = collect(handlers).jobs[IngestFile.message_type]
    image = TakenImage(camera="camera", image_name="CC_O_20260101_000001", detector_name="R22_S11")
    (told,) = handler.given_up(job("b.fits").model_copy(update={"image": image}), "killed, 3 times")
    assert (told.obsid, told.sensor, told.status_code) == ("CC_O_20260101_000001", "S11", 1)
    assert told.description == "given up: killed, 3 times"
    assert handler.given_up(job("of-no-camera.fits"), "killed") == []


def test_recording_again_changes_nothing_and_tells_the_same(database, record) -> None:
    first = record(job("b.fits"), result(FACTS))
    before = counts(database)
    assert record(job("b.fits"), result(FACTS)) == first
    assert counts(database) == before == (1, 1, 0)


def test_the_same_frame_under_another_name_is_a_duplicate_in_its_acquisition(database, record) -> None:
    record(job("b.fits"), result(FACTS))
    [refused] = record(job("copy.fits.gz"), result(FACTS))
    assert isinstance(refused, FrameRejected)
    assert refused.reason == "duplicate"
    assert "copy.fits.gz" in refused.message
    assert "b.fits" in refused.message.replace("copy.fits.gz", "")
    assert refused.kept == REF
    assert record(job("copy.fits.gz"), result(FACTS)) == [refused]
    assert counts(database) == (1, 1, 1)


def with_pixels(**changed) -> FrameFacts:
    return FACTS.model_copy(update={"pixels_sha256": "p1", **changed})


def test_the_same_pixels_behind_another_header_are_counted_once_and_told(database, record) -> None:
    record(job("b.fits"), result(with_pixels()))
    copy = with_pixels(frame_id="f2", exposure_id="e2", image_type="dark", exposure_time_s=30.0)
    [refused] = record(job("d.fits"), result(copy))
    assert (refused.reason, counts(database)) == ("duplicate", (1, 1, 1))
    assert "d.fits: holds the same pixels as b.fits, but its header differs" in refused.message
    assert "exposure e2 instead of e1, type dark instead of bias, exposure time 30.0 instead of 0.0" in (
        refused.message
    )
    assert record(job("d.fits"), result(copy)) == [refused]
    assert isinstance(record(job("d.fits", "a2"), result(copy))[0], FrameIngested)


@pytest.mark.parametrize(
    "other",
    [
        with_pixels(frame_id="f2", pixels_sha256="p2"),
        with_pixels(frame_id="f2", detector=4),
        with_pixels(frame_id="f2", pixels_sha256=None),
    ],
    ids=["other pixels", "another detector", "all pixels equal"],
)
def test_frames_that_are_two_are_no_duplicates(database, record, other) -> None:
    record(job("b.fits"), result(with_pixels(pixels_sha256=other.pixels_sha256 and "p1")))
    assert isinstance(record(job("c.fits"), result(other))[0], FrameIngested)
    assert counts(database) == (2, 2, 0)


def test_the_same_frame_in_a_later_acquisition_counts_again(database, record) -> None:
    record(job("b.fits"), result(FACTS))
    [again] = record(job("b.fits", "a2"), result(FACTS))
    assert isinstance(again, FrameIngested)
    assert again.acquisition_id == "a2"
    assert counts(database) == (1, 2, 0)


def test_a_later_acquisition_corrects_what_an_earlier_one_read(database, record) -> None:
    record(job("b.fits"), result(FACTS.model_copy(update={"image_type": "science"})))
    record(job("b.fits", "a2"), result(FACTS))
    record(job("b.fits"), result(FACTS.model_copy(update={"image_type": "science"})))
    with database.reading() as session:
        assert [frame["image_type"] for frame in IngestQueries(session).frames()] == ["bias"]


def test_a_refusal_is_recorded_and_told(database, record) -> None:
    [event] = record(job("bad.fits"), result(reason="truncated", message="bad.fits: is truncated"))
    assert (event.reason, event.message, event.kept) == ("truncated", "bad.fits: is truncated", REF)
    assert record(job("bad.fits"), result(reason="truncated", message="bad.fits: is truncated")) == [event]
    with database.reading() as session:
        [row] = IngestQueries(session).rejections(run="run-1")
        assert IngestQueries(session).rejections(run="other") == []
    assert (row["file_name"], row["reason"], row["path"]) == ("bad.fits", "truncated", "frames/ab/abc.fits")


def test_a_refused_file_of_the_camera_is_kept_where_it_is_unless_it_is_lost(record) -> None:
    message = job("x.fits").model_copy(update={"uri": "objects:raw/x.fits", "sha256": "h", "size_bytes": 4})
    refusal = FileFacts(reason="not-a-number", message="m")
    lost = FileFacts(reason="unreadable", message="m", stored=False)
    [event] = record(message, JobResult(execution_id="x", data=refusal.model_dump(mode="json")))
    assert event.kept is not None
    assert event.kept.uri == "objects:raw/x.fits"
    other = message.model_copy(update={"job_id": "j2"})
    [event] = record(other, JobResult(execution_id="x", data=lost.model_dump(mode="json")))
    assert event.kept is None


def test_frames_are_listed_by_what_is_asked_for(database, record) -> None:
    for number, kind in enumerate(["bias", "dark", "bias"]):
        changed = {
            "frame_id": f"f{number}",
            "image_type": kind,
            "begin_tai_ns": number,
            "night": f"2026010{number}",
        }
        record(job(f"{number}.fits"), result(FACTS.model_copy(update=changed)))
    with database.reading() as session:
        queries = IngestQueries(session)
        assert [frame["id"] for frame in queries.frames()] == ["f2", "f1", "f0"]
        assert [frame["id"] for frame in queries.frames(image_type="bias")] == ["f2", "f0"]
        assert [frame["id"] for frame in queries.frames(night="20260101")] == ["f1"]
        assert [frame["id"] for frame in queries.frames(limit=1)] == ["f2"]
        assert queries.frames(instrument="other") == []
        assert queries.frame("gone") is None
