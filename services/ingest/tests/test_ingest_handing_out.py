"""What is taken in becomes jobs: a file each of an exposure, or of a folder from which frames may come."""

from pathlib import Path

from calibrant.contracts.camera.v1 import ExposureStored, Image, StoredFile
from calibrant.contracts.common.v1 import DataRef, TaiTime
from calibrant.contracts.ingest.v1 import FolderScanned, TakenImage
from calibrant.contracts.sequencer.v1 import FolderIngestRequested
from calibrant.ingest import handlers
from calibrant.ingest.service import IngestService
from calibrant.runtime.objects import FrameFolders


def test_an_exposure_becomes_one_job_a_file(database, context_of) -> None:
    image = Image(
        image_name="SC_O_20260101_000001",
        exposure_id=2026010100001,
        image_type="BIAS",
        image_index=1,
        images_in_sequence=1,
        day_obs="20260101",
        image_number=1,
        group_id="acq-7",
        command_id="c",
        image_source="SC",
        image_controller="O",
        acquisition_start=TaiTime.from_ns(0),
    )
    files = tuple(
        StoredFile(
            detector=n,
            ref=DataRef(
                uri=f"objects:raw/20260101/SC_{n}.fits",
                sha256=f"h{n}",
                size_bytes=10 + n,
                media_type="image/fits",
            ),
            detector_name=f"R22_S0{n}",
        )
        for n in (0, 1)
    )
    message = ExposureStored(
        component="camera",
        instrument="simcam-tiny",
        image=image,
        begin=TaiTime.from_ns(0),
        exposure_time_s=0.0,
        dark_time_s=0.0,
        filter="",
        files=files,
    )
    with database.writing() as session:
        first = list(handlers.take_in_exposure(message, context_of(session)))
        again = list(handlers.take_in_exposure(message, context_of(session)))
    assert first == again
    assert [one.file_name for one in first] == ["SC_0.fits", "SC_1.fits"]
    assert {one.acquisition_id for one in first} == {"acq-7"}
    assert [(one.uri, one.sha256, one.size_bytes) for one in first] == [
        (file.ref.uri, file.ref.sha256, file.ref.size_bytes) for file in files
    ]
    assert len({one.job_id for one in first}) == 2
    assert [one.image for one in first] == [
        TakenImage(camera="camera", image_name="SC_O_20260101_000001", detector_name=f"R22_S0{n}")
        for n in (0, 1)
    ]


def test_a_folder_is_told_with_its_jobs(database, context_of, folder) -> None:
    def ask(acquisition: str):
        request = FolderIngestRequested(
            acquisition_id=acquisition, instrument="simcam-tiny", folder=str(folder)
        )
        with database.writing() as session:
            return list(handlers.take_in_folder(request, context_of(session)))

    scanned, *jobs = ask("a1")
    assert scanned == FolderScanned(
        acquisition_id="a1", folder=str(folder), files=3, passed_over=1, problem=""
    )
    assert [one.file_name for one in jobs] == ["a.FIT", "b.fits", "sub/copy.fts.gz"]
    assert ask("a1")[1:] == jobs
    assert not {one.job_id for one in jobs} & {one.job_id for one in ask("a2")[1:]}


def test_a_folder_that_cannot_be_taken_in_says_why(database, context_of, folder, tmp_path) -> None:
    def problem(instrument: str, place: str) -> str:
        request = FolderIngestRequested(acquisition_id="a", instrument=instrument, folder=place)
        with database.writing() as session:
            [scanned] = handlers.take_in_folder(request, context_of(session))
        assert scanned.files == 0
        return scanned.problem

    assert "no such instrument" in problem("nocam", str(folder))
    assert "simcam-tiny" in problem("nocam", str(folder))
    assert "no folder" in problem("simcam-tiny", str(tmp_path / "gone"))


def test_a_folder_that_frames_do_not_come_from_is_not_even_looked_at(tmp_path, folder) -> None:
    service = IngestService(tmp_path, FrameFolders((folder / "sub",)))

    def ask(place: Path):
        return service.folder(
            FolderIngestRequested(acquisition_id="a", instrument="simcam-tiny", folder=str(place))
        )

    for place in (folder, tmp_path / "gone"):
        [scanned] = ask(place)
        assert f"{str(place)!r} lies outside" in scanned.problem
        assert f"setting frame_folders: {folder / 'sub'}" in scanned.problem
    assert [message.file_name for message in ask(folder / "sub")[1:]] == ["copy.fts.gz"]
