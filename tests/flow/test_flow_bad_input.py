"""Bad input: a short error that names the thing and says what to do; what is good goes on."""

import gzip
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from calibrant.frames.instrument import load_instrument
from calibrant.frames.testing import write_corpus
from calibrant.observatory.testing import DataFolder, asked, here, wait_until

pytestmark = pytest.mark.timeout(300)
TINY = ("--instrument", "simcam-tiny")


@pytest.fixture
def raw(demonstrated, tmp_path):
    """Copies raw frames of the demonstration, by their numbers, into a folder."""
    source = demonstrated[0] / "objects" / "raw" / "20260101"

    def copy(folder, numbers):
        (tmp_path / folder).mkdir(exist_ok=True)
        names = [f"SC_O_20260101_{n:06}_{detector}.fits" for n in numbers for detector in (0, 1)]
        return [Path(shutil.copy(source / name, tmp_path / folder)) for name in names]

    return copy


def test_what_only_the_services_know_to_be_wrong_is_refused_in_one_line(tmp_path):
    for name in ("some", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "some" / "a.fits").write_text("no frame")
    some, data = ("replay", tmp_path / "some", "-i", "st402"), ("--data-dir", tmp_path / "data")
    cases = {
        ("replay", tmp_path / "empty", *TINY): "empty is empty: give one with frames",
        (*some, "--begin", "2026-01-02", "--end", "2026-01-01"): "ends before it begins",
        (
            *some,
            "--make",
            "bias,dork",
        ): "'dork' is no kind of calibration of st402: do you mean 'dark'?",
    }
    for words, said in cases.items():
        line = here(*words, *data, code=2).err
        assert line.startswith("error: ")
        assert said in line
        assert line.count("\n") == 1
    assert asked("runs", "list", *data) == []


def test_a_folder_of_garbage_ends_with_the_reason_of_each_file(calibrant, tmp_path):
    (tmp_path / "garbage").mkdir()
    corpus = write_corpus(tmp_path / "garbage", load_instrument("simcam-tiny"))
    said = calibrant("replay", "garbage", *TINY, "--data-dir", "data", "--json", code=1).json
    assert said["run"]["state"] == "failed"
    told = {file["file_name"]: (file["reason"], file["message"]) for file in said["rejected"]}
    assert told.keys() == {path.name for path, _ in corpus}
    for path, hostile in corpus:
        assert told[path.name][0] == hostile.reason
        assert hostile.says in told[path.name][1]
    assert DataFolder(tmp_path / "data").unrest() == []


def test_good_frames_go_on_beside_hostile_files_and_duplicates(calibrant, raw, tmp_path):
    camera = load_instrument("simcam-tiny")
    first, *_ = raw("mixed", range(1, 6))  # five biases of two detectors
    corpus = write_corpus(tmp_path / "mixed", camera)
    (tmp_path / "mixed" / "zz-again.fits").write_bytes(first.read_bytes())
    (tmp_path / "mixed" / "zz-zipped.fits.gz").write_bytes(gzip.compress(first.read_bytes()))
    said = calibrant("replay", "mixed", *TINY, "--data-dir", "data", "--json").json
    verdicts = [
        (line["kind"], line["detector"], line["frames"], line["verdict"]) for line in said["calibrations"]
    ]
    assert verdicts == [("bias", 0, 5, "certified"), ("bias", 1, 5, "certified")]
    told = {file["file_name"]: file for file in said["rejected"]}
    same = {first.name, "zz-again.fits", "zz-zipped.fits.gz"}  # whichever is read first counts
    refused = {name for name, file in told.items() if file["reason"] == "duplicate"}
    (kept,) = same - refused
    assert len(refused) == 2
    assert refused < same
    assert all(f"the same frame as {kept}" in told[name]["message"] for name in refused)
    assert len(told) == len(corpus) + 2
    assert len(asked("frames", "list", "--data-dir", tmp_path / "data")) == 10


def test_too_few_frames_are_a_reason_for_each_set(calibrant, raw, tmp_path):
    raw("few", [1, 11, 16])  # one bias, one dark, one flat
    said = calibrant("replay", "few", *TINY, "--data-dir", "data", "--json", code=1).json
    assert {(line["kind"], line["verdict"], line["product"]) for line in said["calibrations"]} == {
        (kind, "skipped", "") for kind in ("bias", "dark", "flat")
    }
    for line in said["calibrations"]:
        assert f"1 {line['kind']} frame" in line["reason"]
        assert "3 are needed" in line["reason"]


def test_a_data_folder_that_cannot_be_had_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", tmp_path / "file" / "below", "/proc/calibrant"):
        said = here("demo", *TINY, "--data-dir", place, code=2).err
        assert f"data folder {place}" in said
        assert "--data-dir" in said


def test_a_data_folder_in_use_is_left_to_its_holder(calibrant, tmp_path):
    holder = calibrant.begin("up", "--port", 0, "--data-dir", "data")
    try:
        signed = tmp_path / "data" / "observatory.lock"
        wait_until(lambda: signed.exists() and signed.read_text(), "the folder is held")
        said = calibrant.refused("demo", *TINY, "--data-dir", "data")
        assert f"in use by process {holder.pid}" in said
        assert "--data-dir" in said
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.communicate()


def test_a_full_disk_stalls_the_run_and_with_space_it_finishes(calibrant, tmp_path):
    """No file may grow beyond a limit: the log and the databases meet it as they would a full disk."""

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))

    demo = ("demo", *TINY, "--json", "--data-dir", "data")
    calibrant.forked = False  # the limit is set between a fork and its start
    told = calibrant.refused(*demo, preexec_fn=small)
    calibrant.forked = True
    assert "check the disk and its free space" in told
    assert "give the same command again" in told
    (stalled,) = asked("runs", "list", "--data-dir", tmp_path / "data")
    said = calibrant(*demo).json
    assert said["run"]["run_id"] == stalled["run_id"]
    assert said["run"]["state"] == "done with failures"
    assert DataFolder(tmp_path / "data").unrest() == []
