"""Exports hold what the JSON of the report holds: read back by yaml, astropy and pyarrow, compared number by number."""

from io import BytesIO

import numpy as np
import pyarrow.parquet
import pytest
import yaml
from astropy.table import Table

from calibrant.frames.plain_yaml import FastDumper
from calibrant.verify import exports
from calibrant.verify.exports import writing


@pytest.fixture(scope="module")
def flats(shared_bench):
    """Two flats of two detectors, one amplifier of the second four times as noisy as it should be."""
    bench = shared_bench
    bench.noisy[1] = {"A11": 40.0}
    measured = []
    for detector in (0, 1):
        frames = bench.frames("flat", 3, detector, light_e=9000.0)
        measured.append(bench.measure(bench.master("flat", frames), frames)[1])
    _, ref = bench.compute(bench.decide_job("flat", measured).model_copy(update={"filter": "r"}))
    return exports.read_set(bench.objects, ref)


def values(measured, detector, exposure, amplifier):
    rows = measured[detector].measurements
    (row,) = [one for one in rows if (one.exposure_id, one.amplifier) == (exposure, amplifier)]
    return row.values


def test_yaml_has_every_number_and_verdict_by_detector(flats):
    report, measured = flats
    read = yaml.safe_load(exports.export(report, measured, "yaml"))
    assert set(read) == {"verifyFlatStats", "verifyFlatExpStats", "verifyFlatDetStats"}
    for exposure in report.exposures:
        for number, name in ((0, "S00"), (1, "S01")):
            found = read["verifyFlatDetStats"][exposure][name]
            assert found["DET"] == values(measured, number, exposure, None)
            for amplifier in ("A00", "A01", "A10", "A11"):
                assert found["AMP"][amplifier] == values(measured, number, exposure, amplifier)
            results = [one for one in measured[number].results if one.exposure_id == exposure]
            told = found["VERIFY"]["AMP"] | {None: found["VERIFY"]["DET"]}
            expected = {"pass": True, "fail": False, "not_applicable": None}
            assert all(told[one.amplifier][one.test] is expected[one.verdict] for one in results)


def test_yaml_names_what_failed_by_exposure_and_run(flats):
    report, measured = flats
    read = yaml.safe_load(exports.export(report, measured, "yaml"))
    for exposure in report.exposures:
        failed = sorted(
            f"{one.amplifier} {one.test}"
            for one in report.failures
            if one.exposure_id == exposure and one.amplifier
        )
        assert "A11 NOISE_MODEL" in failed
        told = read["verifyFlatExpStats"][exposure]
        assert told["S00"] == {"SUCCESS": True}
        assert sorted(told["S01"]["FAILURES"]) == failed
        assert told["SUCCESS"] is False
        assert told["VERIFY"]["EXP"]["SCATTER"] is True
        assert sorted(read["verifyFlatStats"][exposure]["FAILURES"]) == [f"S01 {one}" for one in failed]
    assert read["verifyFlatStats"]["SUCCESS"] is False


def test_a_missing_detector_fails_in_every_exposure(bench):
    frames = bench.frames("bias", 3)
    measured = bench.measure(bench.master("bias", frames), frames)[1]
    _, ref = bench.compute(bench.decide_job("bias", [measured], missing={1: "no product"}))
    read = yaml.safe_load(exports.export(*exports.read_set(bench.objects, ref), "yaml"))
    assert read["verifyBiasExpStats"]["bias-000"]["1"] == {"SUCCESS": False, "FAILURES": ["MEASURED"]}
    assert read["verifyBiasStats"]["bias-000"]["FAILURES"] == ["1 MEASURED"]


def test_what_is_tested_once_has_its_place_in_every_format(bench):
    """Darks that alternate: each is well, the even ones together differ from the odd ones."""
    bias = bench.master("bias", bench.frames("bias", 10))
    darks = [bench.frame("dark", f"dark-{i}", time_s=10.0, light_e=5.0 * (i % 2)) for i in range(6)]
    measured = bench.measure(bench.master("dark", darks, bias=bias), darks, bias)[1]
    _, ref = bench.compute(bench.decide_job("dark", [measured]))
    report, found = exports.read_set(bench.objects, ref)
    read = yaml.safe_load(exports.export(report, found, "yaml"))
    assert list(read["verifyDarkDetStats"]) == [*report.exposures, "*"]
    once = read["verifyDarkDetStats"]["*"]["S00"]
    assert once["AMP"]["A00"] == values(found, 0, "*", "A00")
    assert once["VERIFY"]["AMP"]["A00"] == {"SPLIT_MEAN": False, "SPLIT_NOISE": True, "SUCCESS": False}
    failed = [f"{one.amplifier} {one.test}" for one in found[0].results if one.verdict == "fail"]
    assert {f"A{i:02b} SPLIT_MEAN" for i in range(4)} <= set(failed)
    assert read["verifyDarkExpStats"]["*"]["S00"]["FAILURES"] == failed
    assert read["verifyDarkStats"]["*"]["FAILURES"] == [f"S00 {one}" for one in failed]
    assert read["verifyDarkStats"]["SUCCESS"] is False
    flat = Table.read(exports.export(report, found, "ecsv").decode(), format="ascii.ecsv")
    rows = flat[flat["exposure"] == "*"]
    assert list(rows["DARK_VERIFY_SPLIT_MEAN"]) == [False] * 4
    assert rows["DARK_SPLIT_MEAN"][0] == once["AMP"]["A00"]["SPLIT_MEAN"]
    assert all(np.ma.getmaskarray(rows["mjd"]))


def test_yaml_is_written_by_the_fast_dumper_and_says_the_same(flats):
    assert FastDumper is yaml.CSafeDumper
    plain = yaml.safe_dump(exports.nested(*flats), sort_keys=False, allow_unicode=True)
    assert exports.export(*flats, "yaml").decode() == plain


def test_ecsv_is_the_flat_table_with_units(flats):
    report, measured = flats
    read = Table.read(exports.export(report, measured, "ecsv").decode(), format="ascii.ecsv")
    check_table(read, report, measured)
    assert read.colnames[:6] == ["instrument", "exposure", "detector", "mjd", "amplifier", "physical_filter"]
    assert (str(read["FLAT_NOISE"].unit), str(read["mjd"].unit)) == ("electron", "d")
    assert str(read["FLAT_OVERSCAN_LEVEL_ADU"].unit) == "adu"
    assert read["FLAT_NOISE_RATIO"].unit is None
    assert read["FLAT_VERIFY_NOISE_MODEL"].dtype == bool


def test_parquet_is_the_same_table(flats):
    report, measured = flats
    content = pyarrow.parquet.read_table(BytesIO(exports.export(report, measured, "parquet")))
    rows = content.to_pylist()
    assert len(rows) == 3 * 2 * 5 + 3
    for row in rows:
        if row["amplifier"] not in {"detector", "exposure"}:
            found = values(measured, row["detector"], row["exposure"], row["amplifier"])
            assert row["FLAT_NOISE_RATIO"] == found["NOISE_RATIO"]
    check_table(exports.table(report, measured), report, measured)


def check_table(read, report, measured):
    assert len(read) == 3 * 2 * 5 + 3
    for row in read:
        place = row["amplifier"]
        if place == "exposure":
            assert np.ma.is_masked(row["detector"])
            continue
        found = values(measured, row["detector"], row["exposure"], None if place == "detector" else place)
        prefix = "FLAT_DET_" if place == "detector" else "FLAT_"
        assert {name: row[f"{prefix}{name}"] for name in found} == found
        begins = {one.exposure_id: one.begin_tai_ns for one in measured[row["detector"]].frames}
        assert row["mjd"] == pytest.approx(61041 + 20 / 24, abs=0.01)
        assert (row["mjd"] - 40587) * 86400e9 == pytest.approx(begins[row["exposure"]], rel=1e-12)
        assert row["physical_filter"] == "r"
    judged = [one for found in measured.values() for one in found.results if one.test == "NOISE_MODEL"]
    assert read["FLAT_VERIFY_NOISE_MODEL"].sum() == sum(one.verdict == "pass" for one in judged) < len(judged)
    assert np.ma.is_masked(read["FLAT_VERIFY_NOISE_MODEL"][4])


def test_parquet_without_pyarrow_says_how_to_get_it(flats, monkeypatch):
    monkeypatch.setattr(writing, "find_spec", lambda _name: None)
    with pytest.raises(exports.FormatUnavailable, match=r"pip install 'calibrant-verify\[parquet\]'"):
        exports.export(*flats, "parquet")
