"""``calibrant replay`` of four real cameras: what their frames allow, with the numbers that others know of them."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.frames.instrument import load_instrument
from calibrant.observatory.testing import DataFolder, asked

pytestmark = [pytest.mark.real_frames, pytest.mark.timeout(240)]

ST402 = ("--statistic", "median", "--unit", "adu", "--set", "flat.normalise=combined")
KNOWN = {
    "newton-du940p": ((100, 2048), {"bias": 32, "flat": 23}, {"arc"}, {"A": 2.95}),
    "afosc-ccd42-40": ((119, 511), {"bias": 30, "flat": 30}, {"science"}, {"A": 3.91}),
    "kast-blue": (
        (350, 2048),
        {"bias": 3, "flat": 3},
        {"arc", "standard", "science"},
        {"A1": 2.86, "A2": 2.70},
    ),
}
"""By camera: shape of a master, frames by kind, types without a rule, read noise by amplifier in ADU."""


@pytest.fixture
def replay(calibrant, real_data):
    def run(camera, *options, code=None):
        words = ("replay", real_data / camera, "--instrument", camera, "--data-dir", camera, "--json")
        return calibrant(*words, *options, code=code).json

    return run


def verdicts(said):
    return {line["kind"]: line["verdict"] for line in said["calibrations"]}


def pixels(path, name="DATA"):
    with fits.open(path, memmap=False) as hdus:
        return hdus[name].data.astype(float)


def masters(tmp_path, camera):
    rows = asked("products", "list", "--data-dir", tmp_path / camera)
    return {row["kind"]: (row, pixels(row["path"])) for row in rows}


def peer(real_data, camera, name):
    (path,) = (real_data / camera / "peer").glob(name)
    return np.squeeze(fits.getdata(path)).astype(float)


def test_st402_gives_the_masters_that_others_made_and_a_replay_computes_nothing_again(
    replay, real_data, tmp_path
):
    said = replay("st402", *ST402)
    assert verdicts(said) == {"dark": "certified", "flat": "certified"}
    assert {file["reason"] for file in said["rejected"]} == {"wrong-instrument"}
    assert {file["file_name"].partition("/")[0] for file in said["rejected"]} == {"peer"}
    made = masters(tmp_path, "st402")
    assert made["dark"][0]["unit"] == "adu"
    assert len(made["dark"][0]["inputs"]) == 7
    np.testing.assert_array_equal(made["dark"][1], peer(real_data, "st402", "master_dark*"))
    np.testing.assert_allclose(made["flat"][1], peer(real_data, "st402", "master_flat*"), rtol=1.2e-7)

    data = DataFolder(tmp_path / "st402")
    jobs = {service: data.ask(service, "select * from job") for service in ("combine", "verify", "certify")}
    before = data.digests("objects")
    again = replay("st402", *ST402)
    assert again["run"]["run_id"] != said["run"]["run_id"]
    assert [{**line, "notes": 0} for line in again["calibrations"]] == [
        {**line, "notes": 0} for line in said["calibrations"]
    ]
    assert {service: data.ask(service, "select * from job") for service in jobs} == jobs
    assert data.digests("objects") == before
    assert len(asked("calibrations", "list", "--data-dir", data.path)) == 2
    assert {row["version"] for row in asked("publications", "list", "--data-dir", data.path)} == {1}

    other = replay("st402", "--statistic", "mean", "--unit", "adu")
    assert verdicts(other) == {"dark": "withheld", "flat": "withheld"}
    for line in other["calibrations"]:
        (standing,) = (old for old in said["calibrations"] if old["kind"] == line["kind"])
        assert f"{standing['product']} is certified" in line["reason"]
        assert "for a range outside" in line["reason"]
    assert data.unrest() == []


def test_newton_pools_three_nights_into_the_bias_that_others_made(replay, real_data, tmp_path):
    said = replay("newton-du940p", "--make", "bias", "--unit", "adu", "--statistic", "mean")
    bias, flat, arc = said["calibrations"]
    assert (bias["kind"], bias["frames"], bias["verdict"]) == ("bias", 32, "certified")
    assert (flat["verdict"], arc["verdict"]) == ("skipped", "skipped")
    assert "not asked for" in flat["reason"]
    theirs = peer(real_data, "newton-du940p", "master_bias*")
    assert np.abs(masters(tmp_path, "newton-du940p")["bias"][1] - theirs).max() <= 0.7


@pytest.mark.parametrize("camera", KNOWN)
def test_every_set_ends_certified_or_with_its_reason(replay, real_data, tmp_path, camera):
    shape, counts, skipped, noise_adu = KNOWN[camera]
    said = replay(camera, "--unit", "adu")
    lines = {line["kind"]: line for line in said["calibrations"]}
    assert set(lines) == set(counts) | skipped
    assert {kind: lines[kind]["frames"] for kind in counts} == counts
    for kind in skipped:
        assert (lines[kind]["verdict"], lines[kind]["product"]) == ("skipped", "")
        assert "no rule makes a calibration" in lines[kind]["reason"]
    for kind in counts:
        assert lines[kind]["verdict"] == "certified" or lines[kind]["reason"]
    assert lines["bias"]["verdict"] == "certified"
    made = masters(tmp_path, camera)
    assert {kind: image.shape for kind, (_, image) in made.items()} == dict.fromkeys(counts, shape)
    check_read_noise(made["bias"][0], counts["bias"], noise_adu)
    if camera == "newton-du940p":
        theirs = peer(real_data, camera, "master_bias*")
        assert np.abs(made["bias"][1] - theirs).max() <= 1.0


def check_read_noise(bias, frames, noise_adu):
    """Check the scatter that the master's variance states against the known read noise."""
    variance = pixels(bias["path"], "VARIANCE")
    for amplifier in load_instrument(bias["instrument"]).geometry(0).amplifiers:
        stated = np.sqrt(np.median(variance[amplifier.placed.slices]) * frames)
        assert stated == pytest.approx(noise_adu[amplifier.name], rel=0.1)
