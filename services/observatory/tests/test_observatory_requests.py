"""From a person's words to a run request."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from calibrant.combine.recipes import RECIPES, RecipeRefused
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.frames.times import parse_time
from calibrant.observatory.requests import BadRequest, folder_of, recipe_parameters, run_request
from calibrant.observatory.settings import ObservatorySettings
from calibrant.sequencer.service import request_key


def test_who_replays_a_folder_on_kafka_may_take_in_that_folder():
    here, other = Path("/nights/one"), Path("/nights/other")
    assert ObservatorySettings(bus="").taking_in(here).frame_folders_allowed is None
    on_kafka = ObservatorySettings(bus="kafka://127.0.0.1:9")
    assert on_kafka.frame_folders_allowed == ()
    assert on_kafka.taking_in(here).frame_folders_allowed == (here,)
    assert ObservatorySettings(frame_folders=(other,)).taking_in(here).frame_folders == (other, here)


BIAS = (ExposureRequest(image_type="BIAS", exposure_times_s=(0.0,) * 3, filter=""),)


def test_parameters_are_json_by_recipe_and_name():
    words = ["bias.sigma=4", "dark.statistic=median", "flat.normalise = combined"]
    assert recipe_parameters(words) == {
        "bias.sigma": "4",
        "dark.statistic": '"median"',
        "flat.normalise": '"combined"',
    }


def test_statistic_and_unit_are_for_all_recipes_and_a_word_overrides():
    found = recipe_parameters(["flat.statistic=mean"], statistic="median", unit="adu")
    assert {name: found[name] for name in found if name.endswith("unit")} == {
        f"{kind}.unit": '"adu"' for kind in RECIPES
    }
    assert "ptc.statistic" not in found
    assert [found[f"{kind}.statistic"] for kind in ("bias", "dark", "flat")] == [
        '"median"',
        '"median"',
        '"mean"',
    ]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sigma=3", "--set sigma=3: write recipe.parameter=value, such as bias.sigma=4"),
        ("bias.sigma", "--set bias.sigma: write"),
        ("bias.sigmma=3", "no parameter 'sigmma'; do you mean 'sigma'?"),
        ("bais.sigma=3", "'bais'"),
        ("bias.sigma=wide", "bias.sigma: 'wide'"),
        ("bias.statistic=average", "'median'"),
        ("bias.sigma=-1", "bias.sigma"),
        ("bias.iterations=1.5", "bias.iterations"),
    ],
)
def test_a_wrong_parameter_is_named(word, said):
    with pytest.raises((BadRequest, RecipeRefused)) as caught:
        recipe_parameters([word])
    assert said in str(caught.value)


def test_the_nearest_recipe_is_named():
    with pytest.raises(RecipeRefused, match="'bias'"):
        recipe_parameters(["bais.sigma=3"])


def test_a_request_says_what_was_asked(settings):
    request = run_request(
        settings,
        instrument="simcam-tiny",
        exposures=BIAS,
        make="bias, dark,",
        begin="2026-01-01T00:00:00",
        end="2026-01-02T00:00:00 TAI",
        collection="a/b",
    )
    assert request.make == ("bias", "dark")
    assert request.validity.begin.ns == parse_time("2026-01-01T00:00:00")
    assert request.validity.end.ns == parse_time("2026-01-02T00:00:00 TAI")
    assert request.validity.end.ns - request.validity.begin.ns == (86_400 - 37) * 10**9
    assert (request.collection, request.generate) == ("a/b", True)


def test_two_requests_of_the_same_are_two_runs_of_one_wish(settings):
    first, second = (run_request(settings, instrument="simcam-tiny", exposures=BIAS) for _ in range(2))
    assert first.run_id != second.run_id
    assert request_key(first) == request_key(second)


@pytest.mark.parametrize("which", ["begin", "end"])
def test_a_wrong_time_is_named_by_its_option(settings, which):
    with pytest.raises(BadRequest, match=rf"--{which} tomorrow: .*2026-01-01T00:00:00"):
        run_request(settings, instrument="simcam-tiny", exposures=BIAS, **{which: "tomorrow"})


def test_an_unknown_instrument_lists_the_known_ones(settings):
    with pytest.raises(BadRequest, match=r"simcan: no such instrument; known are .*simcam-tiny"):
        run_request(settings, instrument="simcan", folder="/x")


def test_a_real_camera_takes_no_commanded_exposures(settings):
    with pytest.raises(BadRequest, match=r"st402 cannot be simulated.*simcam or simcam-raft or simcam-tiny"):
        run_request(settings, instrument="st402", exposures=BIAS)


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "mine.yaml"
    text = files("calibrant.frames.instruments").joinpath("simcam-tiny.yaml").read_text()
    path.write_text(text.replace("name: simcam-tiny", "name: mycam").replace("^simcam-tiny$", "^mycam$"))
    return path


def test_an_instrument_file_is_copied_to_where_all_services_find_it(settings, own_file):
    request = run_request(settings, instrument=str(own_file), exposures=BIAS)
    assert request.instrument == "mycam"
    copy = settings.instruments_dir / "mycam.yaml"
    assert copy.read_bytes() == own_file.read_bytes()
    assert run_request(settings, instrument="mycam", exposures=BIAS).instrument == "mycam"
    assert run_request(settings, instrument=str(copy), exposures=BIAS).instrument == "mycam"


def test_an_instrument_file_that_is_wrong_or_missing_is_named(settings, own_file):
    with pytest.raises(BadRequest, match=r"gone\.yaml"):
        run_request(settings, instrument="gone.yaml", folder="/x")
    own_file.write_text(own_file.read_text().replace("readout: frame", "readout: film"))
    with pytest.raises(BadRequest, match=r"mine\.yaml.*readout"):
        run_request(settings, instrument=str(own_file), folder="/x")
    assert not settings.instruments_dir.exists()


def test_an_instrument_file_that_cannot_be_copied_is_told(settings, own_file):
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    settings.data_dir.write_text("not a folder")
    with pytest.raises(BadRequest, match=r"cannot be copied"):
        run_request(settings, instrument=str(own_file), folder="/x")


def test_a_folder_becomes_a_whole_path(tmp_path, monkeypatch):
    (tmp_path / "night").mkdir()
    monkeypatch.chdir(tmp_path)
    from pathlib import Path  # noqa: PLC0415

    assert folder_of(Path("night")) == str(tmp_path / "night")
    with pytest.raises(BadRequest, match="folder nowhere does not exist"):
        folder_of(Path("nowhere"))
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequest, match="folder file is no folder"):
        folder_of(Path("file"))


def test_another_description_of_a_camera_in_use_is_refused_and_the_same_is_no_change(settings, own_file):
    run_request(settings, instrument=str(own_file), exposures=BIAS)
    copy = settings.instruments_dir / "mycam.yaml"
    before = copy.read_bytes()
    run_request(settings, instrument=str(own_file), exposures=BIAS)
    run_request(settings, instrument=str(copy), exposures=BIAS)
    own_file.write_text(own_file.read_text().replace("read_noise_e: 5.0", "read_noise_e: 6.0"))
    with pytest.raises(BadRequest, match="another description of mycam is in use"):
        run_request(settings, instrument=str(own_file), exposures=BIAS)
    assert copy.read_bytes() == before
