"""``calibrant demo``: from commanded exposures to published calibrations, and what is left of it."""

from pathlib import Path

import pytest
from astropy.io import fits

from calibrant.observatory.testing import DataFolder, Records, asked, here
from calibrant.runtime.settings import PlatformSettings

DEMO = ("demo", "--instrument", "simcam-tiny", "--json")
FIND = ("calibrations", "find", "--instrument", "simcam-tiny", "--at", "2026-01-01T23:00:00")
ALL = [(kind, detector) for kind in ("bias", "dark", "flat") for detector in (0, 1)]
LEAKY = ("dark", 1)


def test_five_of_six_are_certified_and_the_leaky_dark_is_withheld_with_its_reason(demonstrated):
    _, said = demonstrated
    lines = {(line["kind"], line["detector"]): line for line in said["calibrations"]}
    assert list(lines) == ALL
    leaky = lines.pop(LEAKY)
    # of five darks no clip rejects one sample: the dark holds what struck a frame, and CR_NOISE fails for it
    assert lines["dark", 0]["verdict"] == "certified with failures"
    assert {line["verdict"] for place, line in lines.items() if place != ("dark", 0)} == {"certified"}
    assert {line["status"] for line in lines.values()} == {"current"}
    assert leaky["verdict"] == "withheld"
    assert leaky["reason"].startswith(
        "MEAN, NOISE, SPLIT_MEAN, SPLIT_NOISE fail in 5 of 5 exposures, 3 are enough"
    )
    assert leaky["begin_tai_ns"] is None
    assert said["run"]["state"] == "done with failures"
    assert said["rejected"] == []
    assert {kind: lines[kind, 0]["frames"] for kind in ("bias", "dark", "flat")} == {
        "bias": 10,
        "dark": 5,
        "flat": 10,
    }


def test_the_flat_of_the_leaky_detector_says_that_it_has_no_dark(demonstrated):
    _, said = demonstrated
    flats = {line["detector"]: line for line in said["calibrations"] if line["kind"] == "flat"}
    assert flats[0]["notes"] == []
    (note,) = flats[1]["notes"]
    assert "dark" in note
    assert "rejected: MEAN, NOISE, SPLIT_MEAN, SPLIT_NOISE fail in 5 of 5 exposures" in note


def test_published_files_exist_and_are_sound(demonstrated):
    folder, said = demonstrated
    rows = asked("publications", "list", "--data-dir", folder)
    certified = {line["product"] for line in said["calibrations"] if line["verdict"].startswith("certified")}
    assert {row["product"] for row in rows} == certified
    assert len(rows) == len(certified) == 5
    for row in rows:
        assert (row["status"], row["version"]) == ("current", 1)
        with fits.open(row["path"], checksum=True) as hdus:
            hdus.verify("exception")
            assert {hdu.verify_checksum() for hdu in hdus} == {1}
            assert {hdu.verify_datasum() for hdu in hdus} == {1}
            assert hdus["DATA"].data.shape == (128, 128)
            assert hdus["DATA"].data.shape == hdus["VARIANCE"].data.shape == hdus["MASK"].data.shape


def test_every_certified_calibration_is_found_and_the_withheld_one_is_not(demonstrated):
    folder, said = demonstrated
    for line in said["calibrations"]:
        more = ["--filter", "r"] if line["kind"] == "flat" else []
        where = ("--kind", line["kind"], "--detector", line["detector"], "--data-dir", folder)
        if (line["kind"], line["detector"]) == LEAKY:
            answer = asked(*FIND, *where, *more, code=1)
            assert answer["calibration"] is None
            assert "dark" in answer["why"]
        else:
            answer = asked(*FIND, *where, *more)
            assert answer["calibration"]["product"] == line["product"]
            assert answer["calibration"]["report"] == line["report"]
            assert line["product"] in answer["why"]


def test_a_finished_demonstration_leaves_nothing_to_do(demonstrated):
    folder, said = demonstrated
    assert len(DataFolder(folder).services()) == 7
    assert DataFolder(folder).unrest() == []
    assert (folder.parent / said["picture"]).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_second_demonstration_goes_on_in_the_next_night(calibrant, own_copy):
    before = set(DataFolder(own_copy).digests("objects"))
    said = calibrant(*DEMO, "--data-dir", own_copy).json
    verdicts = {(line["kind"], line["detector"]): line["verdict"] for line in said["calibrations"]}
    assert verdicts == {**dict.fromkeys(ALL, "certified"), LEAKY: "withheld"}
    assert {line["set"] for line in said["calibrations"]} == {"20260102", "20260102-r"}
    numbers = DataFolder(own_copy).ask("camera", "select day_obs, image_number from camera_exposure")
    assert sorted(numbers) == [(day, n) for day in ("20260101", "20260102") for n in range(1, 26)]
    versions = [row["version"] for row in asked("publications", "list", "--data-dir", own_copy)]
    assert sorted(versions) == [1] * 5 + [2] * 5
    assert before < set(DataFolder(own_copy).digests("objects"))
    assert DataFolder(own_copy).unrest() == []


def test_the_same_seed_gives_the_same_bytes(calibrant, camera, sequence, embedded, tmp_path):
    calibrant.environment.update(camera)
    calibrant("run", sequence, "--flaw", "light-leak", "--data-dir", "again", code=3)
    records = Records(PlatformSettings(data_dir=tmp_path / "again"))
    for part in ("raw", "products", "archive"):
        first, again = embedded[1].digests(part), records.digests(part)
        assert first
        assert first == again, part


@pytest.mark.parametrize("what", ["frames", "products", "reports", "calibrations", "publications", "runs"])
def test_every_thing_that_is_listed_can_be_shown(demonstrated, what):
    folder, _ = demonstrated
    rows = asked(what, "list", "--data-dir", folder)
    assert len(rows) == {"frames": 50, "products": 6, "reports": 6, "runs": 1}.get(what, 5)
    name = rows[0].get("id", rows[0].get("run_id"))
    shown = asked(what, "show", name, "--data-dir", folder)
    assert name == (shown["run"]["run_id"] if what == "runs" else shown["id"])
    if what in ("products", "calibrations", "publications"):
        assert Path(shown["path"]).is_file()


def test_a_report_is_told_to_people_in_some_lines_and_says_where_its_page_is(demonstrated):
    folder, _ = demonstrated
    (leaky,) = [row for row in asked("reports", "list", "--data-dir", folder) if row["verdict"] == "withheld"]
    said = here("reports", "show", leaky["id"], "--data-dir", folder).out
    assert said.startswith("dark of simcam-tiny, set 20260101: certified with failures\n")
    assert leaky["reason"] in said
    lines = [line.split() for line in said.splitlines()]
    assert f"page calibrant reports open {leaky['id']} --data-dir {folder}".split() in lines
    assert len(lines) < 20


def test_the_page_on_a_report_says_what_was_withheld_and_all_of_it_can_be_exported(demonstrated, tmp_path):
    folder, _ = demonstrated
    (leaky,) = [row for row in asked("reports", "list", "--data-dir", folder) if row["verdict"] == "withheld"]
    page, table = tmp_path / "page.html", tmp_path / "table.ecsv"
    here("reports", "html", leaky["id"], "-o", page, "--data-dir", folder)
    assert f"Detector 1 (S01): withheld.</b> {leaky['reason']}" in page.read_text()
    here("reports", "export", leaky["id"], "--format", "ecsv", "-o", table, "--data-dir", folder)
    assert "DARK_VERIFY_MEAN" in table.read_text()
