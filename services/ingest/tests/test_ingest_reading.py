"""Reading one file as the child process does: what is kept, what is refused and how."""

import errno
import gzip
import io
import os
from pathlib import Path

import pytest

from calibrant.contracts.ingest.v1 import IngestFile
from calibrant.frames.testing import CORPUS, good_bytes
from calibrant.ingest.reading import (
    FILE,
    INSTRUMENTS,
    FileFacts,
    IngestRefused,
    compute,
)
from calibrant.runtime.desk import Desk
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.runtime.health import Health
from calibrant.runtime.objects import FolderStore, FrameFolders, KeyRefused, StoreUnavailable
from calibrant.runtime.probe import Probe


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Workspace(scratch, FolderStore(tmp_path / "objects"), {INSTRUMENTS: str(tmp_path / "instruments")})


def job_for(path: Path, **changed) -> IngestFile:
    given = {
        "job_id": "j",
        "acquisition_id": "a",
        "instrument": "simcam-tiny",
        "file_name": f"sub/{path.name}",
        "uri": f"file:{path}",
    }
    return IngestFile(**(given | changed))


def facts_of(outcome: Outcome) -> FileFacts:
    return FileFacts.model_validate(outcome.data)


def test_a_good_file_of_a_folder_is_kept_byte_for_byte(tmp_path, tiny, workspace) -> None:
    content = good_bytes(tiny)
    (tmp_path / "good.fits").write_bytes(content)
    outcome = compute(job_for(tmp_path / "good.fits"), workspace)
    [artifact] = outcome.artifacts
    assert (artifact.name, artifact.prefix, artifact.media_type) == (FILE, "frames", "image/fits")
    assert (workspace.scratch / artifact.path).read_bytes() == content
    [frame] = facts_of(outcome).frames
    assert (frame.detector, frame.exposure_id, frame.image_type) == (0, "SC_20260101_000001", "bias")
    assert (frame.exposure_time_s, frame.night) == (0.0, "20260101")
    assert "IMGTYPE" in frame.image_type_because


def test_a_gzipped_file_is_kept_gzipped_and_is_the_same_frame(tmp_path, tiny, workspace) -> None:
    plain, packed = tmp_path / "plain.fits", tmp_path / "packed.FITS.GZ"
    plain.write_bytes(good_bytes(tiny))
    packed.write_bytes(gzip.compress(good_bytes(tiny), mtime=0))
    first = compute(job_for(plain), workspace)
    second = compute(job_for(packed), workspace)
    assert second.artifacts[0].path == "frame.fits.gz"
    assert second.artifacts[0].media_type == "application/gzip"
    assert facts_of(second).frames == facts_of(first).frames


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_every_hostile_file_is_refused_and_kept_aside(tmp_path, tiny, workspace, hostile) -> None:
    path = tmp_path / hostile.name
    content = hostile.make(tiny)
    path.write_bytes(content)
    outcome = compute(job_for(path), workspace)
    facts = facts_of(outcome)
    assert not facts.frames
    assert facts.reason == hostile.reason.value
    assert hostile.name in facts.message
    assert hostile.says in facts.message
    assert str(tmp_path) not in facts.message
    [artifact] = outcome.artifacts
    assert artifact.prefix == "rejected"
    assert (workspace.scratch / artifact.path).read_bytes() == content


def test_a_file_far_too_large_is_not_even_copied(tmp_path, workspace) -> None:
    path = tmp_path / "sparse.fits"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    outcome = compute(job_for(path), workspace)
    assert not outcome.artifacts
    assert facts_of(outcome).reason == "too-large"
    assert "left where it is" in facts_of(outcome).message


@pytest.mark.parametrize(
    "make", [lambda p: None, lambda p: p.mkdir(), os.mkfifo], ids=["gone", "folder", "pipe"]
)
def test_what_cannot_be_read_is_refused_without_a_copy(tmp_path, workspace, make) -> None:
    path = tmp_path / "odd.fits"
    make(path)
    outcome = compute(job_for(path), workspace)
    assert not outcome.artifacts
    assert facts_of(outcome).reason == "unreadable"
    assert facts_of(outcome).message.startswith("odd.fits: ")
    assert str(tmp_path) not in facts_of(outcome).message


def test_a_link_put_in_place_of_a_listed_file_is_not_followed(tmp_path, tiny, workspace) -> None:
    (tmp_path / "secret").write_bytes(good_bytes(tiny))
    (tmp_path / "x.fits").symlink_to(tmp_path / "secret")
    assert facts_of(compute(job_for(tmp_path / "x.fits"), workspace)).reason == "unreadable"


def test_a_cameras_file_stays_where_it_is(tmp_path, tiny, workspace) -> None:
    (tmp_path / "good.fits").write_bytes(good_bytes(tiny))
    ref = workspace.objects.put_if_absent("raw/2026/good.fits", tmp_path / "good.fits", "image/fits")
    job = job_for(Path("good.fits"), uri=ref.uri, sha256=ref.sha256, size_bytes=ref.size_bytes)
    outcome = compute(job, workspace)
    assert not outcome.artifacts
    assert len(facts_of(outcome).frames) == 1
    assert not list(workspace.scratch.iterdir())


def test_a_missing_and_a_damaged_file_of_the_camera_are_refused(tmp_path, tiny, workspace) -> None:
    (tmp_path / "good.fits").write_bytes(good_bytes(tiny))
    ref = workspace.objects.put_if_absent("raw/good.fits", tmp_path / "good.fits", "image/fits")
    job = job_for(Path("good.fits"), uri=ref.uri, sha256=ref.sha256, size_bytes=ref.size_bytes)
    stored = workspace.objects.path_of(ref.uri)
    stored.write_bytes(b"\0" * ref.size_bytes)
    damaged = facts_of(compute(job, workspace))
    stored.unlink()
    missing = facts_of(compute(job, workspace))
    assert (damaged.reason, missing.reason) == ("corrupt", "unreadable")
    assert not damaged.stored
    assert "raw/good.fits" in missing.message
    assert str(tmp_path) not in damaged.message + missing.message


def test_an_unknown_instrument_and_a_strange_address_fail_the_job(tmp_path, workspace) -> None:
    with pytest.raises(IngestRefused, match="no such instrument"):
        compute(job_for(tmp_path / "x.fits", instrument="nocam"), workspace)
    with pytest.raises(KeyRefused, match="neither"):
        compute(job_for(tmp_path / "x.fits", uri="ftp://host/x.fits"), workspace)
    with pytest.raises(IngestRefused, match="SHA-256"):
        compute(job_for(tmp_path / "x.fits", uri="objects:raw/x.fits"), workspace)


@pytest.mark.parametrize("named", ["secret.fits", "nights/../secret.fits", "nights/link.fits"])
def test_a_file_outside_the_folders_that_frames_come_from_is_not_read(
    tmp_path, tiny, workspace, named
) -> None:
    nights, secret = tmp_path / "nights", tmp_path / "secret.fits"
    nights.mkdir()
    secret.write_bytes(good_bytes(tiny))
    (nights / "link.fits").symlink_to(secret)
    store = FolderStore(tmp_path / "objects", FrameFolders((nights,)))
    narrow = Workspace(workspace.scratch, store, workspace.config)
    facts = facts_of(outcome := compute(job_for(tmp_path / named), narrow))
    assert (facts.reason, facts.stored, outcome.artifacts) == ("unreadable", False, ())
    assert f"{str(tmp_path / named)!r} lies outside" in facts.message
    assert f"setting frame_folders: {nights}" in facts.message
    assert list(workspace.scratch.iterdir()) == []
    secret.rename(nights / "good.fits")
    assert facts_of(compute(job_for(nights / "good.fits"), narrow)).frames


def test_a_scratch_folder_that_cannot_be_written_is_waited_for(tmp_path, tiny, workspace) -> None:
    (tmp_path / "good.fits").write_bytes(good_bytes(tiny))
    workspace.scratch.rmdir()
    with pytest.raises(StoreUnavailable, match="Free some space"):
        compute(job_for(tmp_path / "good.fits"), workspace)


def test_a_full_disk_is_waited_for_however_long_and_rejects_nothing(
    tmp_path, tiny, workspace, monkeypatch
) -> None:
    (tmp_path / "good.fits").write_bytes(good_bytes(tiny))

    class Full(io.BytesIO):
        def write(self, _chunk, /) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = Path.open
    monkeypatch.setattr(Path, "open", lambda *how, **more: Full() if "xb" in how else real(*how, **more))
    with pytest.raises(StoreUnavailable, match="No space left on device") as refused:
        compute(job_for(tmp_path / "good.fits"), workspace)
    desk = Desk("ingest", None, None, None, Health(), Probe(), lambda: None)
    assert desk.delay_s(refused.value, failed=10_000) is not None  # never given up
    assert not desk.health.ready


def test_a_users_instrument_goes_first(tmp_path, tiny, workspace) -> None:
    own = Path(workspace.config[INSTRUMENTS])
    own.mkdir()
    (own / "simcam-tiny.yaml").write_text("name: [\n")
    with pytest.raises(IngestRefused, match="YAML"):
        compute(job_for(tmp_path / "x.fits"), workspace)
