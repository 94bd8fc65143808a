"""Sequence files: what they give, and what is said of wrong ones."""

from pathlib import Path

import pytest

from calibrant.observatory.cli.sequences import camera_of
from calibrant.observatory.sequence import BadSequence, Sequence, read_sequence

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "nightly.yaml"
GOOD = {
    "instrument": "simcam",
    "script_mode": "BIAS_DARK_FLAT",
    "n_bias": "2",
    "n_dark": "3",
    "exp_times_dark": "[10, 20, 30]",
    "n_flat": "2",
    "exp_times_flat": "5",
    "n_discard_bias": "0",
    "n_discard_dark": "0",
    "n_discard_flat": "0",
}


def write(tmp_path, **changed):
    path = tmp_path / "night.yaml"
    fields = {name: value for name, value in (GOOD | changed).items() if value is not None}
    path.write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    return path


def test_the_example_is_the_demonstration_as_a_sequence():
    sequence = read_sequence(EXAMPLE)
    assert [(e.image_type, len(e.exposure_times_s), e.filter) for e in sequence.exposures] == [
        ("BIAS", 10, ""),
        ("DARK", 5, ""),
        ("FLAT", 10, "r"),
    ]
    assert sequence.generate_calibrations


def test_one_time_is_for_all_and_a_list_for_each(tmp_path):
    bias, dark, flat = read_sequence(write(tmp_path, filter="g")).exposures
    assert bias.exposure_times_s == (0.0, 0.0)
    assert dark.exposure_times_s == (10.0, 20.0, 30.0)
    assert (flat.exposure_times_s, flat.filter, dark.filter) == ((5.0, 5.0), "g", "")


@pytest.mark.parametrize(
    ("mode", "types"),
    [("BIAS", ["BIAS"]), ("DARK", ["DARK"]), ("BIAS_DARK", ["BIAS", "DARK"])],
)
def test_a_mode_takes_its_types_in_build_order(tmp_path, mode, types):
    assert [e.image_type for e in read_sequence(write(tmp_path, script_mode=mode)).exposures] == types


def test_frames_of_spots_come_beside_any_mode(tmp_path):
    path = tmp_path / "spots.yaml"
    lines = "instrument: simcam\nscript_mode: BIAS\nn_bias: 3\nfilter: r\nmake: [bias, crosstalk]\n"
    path.write_text(lines + "n_spot: 2\nexp_times_spot: 5\n")
    spots = read_sequence(path).exposures[-1]
    assert (spots.image_type, spots.exposure_times_s, spots.filter) == ("SPOT", (5.0, 5.0), "")
    path.write_text(lines)
    with pytest.raises(BadSequence, match="made of frames of spots; give n_spot"):
        read_sequence(path)


def test_recipe_parameters_become_words_with_json(tmp_path):
    sequence = read_sequence(write(tmp_path, parameters="{bias.sigma: 4, dark.statistic: median}"))
    assert sequence.settings == ("bias.sigma=4", 'dark.statistic="median"')


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, ("bias", "dark", "flat", "gain")),
        ({"script_mode": "DARK"}, ("dark",)),
        ({"make": "[bias, defects]"}, ("bias", "defects")),
        ({"make": "[bias]", "do_defects": "true"}, ("bias", "defects")),
        ({"do_gain_from_flat_pairs": "false"}, ("bias", "dark", "flat")),
        ({"n_flat": "3", "exp_times_flat": "[1, 1, 2]"}, ("bias", "dark", "flat")),
        ({"n_discard_flat": "1", "exp_times_flat": "[9, 1, 1]"}, ("bias", "dark", "flat", "gain")),
        ({"generate_calibrations": "false"}, ("bias", "dark", "flat")),
    ],
)
def test_what_is_made_follows_from_the_mode_and_the_options_unless_it_is_named(tmp_path, changed, kinds):
    assert read_sequence(write(tmp_path, **({"generate_calibrations": "true"} | changed))).kinds == kinds


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_biass": "3"}, "unknown field 'n_biass'; did you mean 'n_bias'?"),
        ({"exptimes_dark": "3"}, "did you mean 'exp_times_dark'?"),
        ({"zzz": "3"}, "unknown field 'zzz'"),
        ({"n_spot": "3"}, "exp_times_spot is missing; give one time in seconds, or 3 of them"),
        (
            {"exp_times_dark": "[10, 20]", "n_discard_dark": "2"},
            "exp_times_dark has 2 times for n_dark + n_discard_dark = 5; give 1 or 5",
        ),
        (
            {"exp_times_dark": None},
            "exp_times_dark is not given, and its default has 23 times for n_dark + n_discard_dark = 3; give 1 or 3",
        ),
        ({"exp_times_dark": "[]"}, "exp_times_dark: "),
        ({"exp_times_dark": "-1"}, "greater than or equal to 0"),
        ({"n_bias": "0"}, "n_bias: "),
        ({"n_bias": "many"}, "n_bias: "),
        (
            {"make": "[flat, ptc]", "n_flat": "3", "exp_times_flat": "[1, 2, 1]"},
            "exp_times_flat has 2 s an odd number of times; give each time twice",
        ),
        ({"make": "[ptc]", "script_mode": "BIAS"}, "script_mode BIAS takes none; give BIAS_DARK_FLAT"),
        ({"script_mode": "FLAT"}, "'BIAS_DARK_FLAT'"),
        ({"script_mode": None}, "script_mode: "),
        ({"do_ptc": "true", "script_mode": "BIAS_DARK"}, "do_ptc: needs script_mode BIAS_DARK_FLAT"),
        (
            {"config_options_bias": "'-c isr:doDefect=False'"},
            "'isr:doDefect=False' is no parameter of the recipe",
        ),
        ({"config_options_ptc": '"\'"'}, "config_options_ptc: No closing quotation"),
        (
            {"certify_calib_end_date": "soon"},
            "'soon' is not a time; write 2026-01-01T00:00:00, with UTC at the end unless TAI",
        ),
        ({"exp_times_flat": "1e9"}, "exp_times_flat.0: Input should be less than or equal to 86400"),
        ({"detectors": "0"}, "detectors: 0 does not fit; give a list of numbers, such as [0, 1]"),
        ({"make": "bias"}, "make: 'bias' does not fit; give a list of kinds, such as [bias, dark]"),
        ({"filter": "3"}, "filter: 3 does not fit; give a name, or a list of names, such as [r, g]"),
        ({"program": "BLOCK_1"}, "program: 'BLOCK_1' does not fit; give BLOCK- and a number"),
        ({"instrument": "[unclosed"}, "is not YAML"),
    ],
)
def test_a_wrong_field_is_named_with_the_file(tmp_path, changed, said):
    path = write(tmp_path, **changed)
    with pytest.raises(BadSequence) as caught:
        read_sequence(path)
    assert str(caught.value).startswith(f"sequence file {path}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_an_instrument_is_at_fault_as_any_other():
    with pytest.raises(BadSequence, match=r"night\.yaml names no instrument: add `instrument: NAME`"):
        camera_of(Sequence(script_mode="BIAS"), Path("night.yaml"), None)


def test_every_wrong_field_is_told_at_once(tmp_path):
    """Also how keys go together, but for those that are wrong by themselves: nobody knows what they should be."""
    wrong = {"n_bias": "-1", "n_flat": "x", "colour": "red", "do_ptc": "true", "script_mode": "BIAS_DARK"}
    odd = {"exp_times_dark": "[1, 2]", "exp_times_flat": "[1, 2]", "config_options_bias": "sigma"}
    with pytest.raises(BadSequence) as caught:
        read_sequence(write(tmp_path, **wrong, **odd))
    assert str(caught.value).partition(": ")[2].split("; ") == [
        "n_bias: Input should be greater than or equal to 1",
        "n_flat: Input should be a valid integer",
        "unknown field 'colour'",
        "exp_times_dark has 2 times for n_dark + n_discard_dark = 3",
        "give 1 or 3",
        "config_options_bias: 'sigma' is no parameter of the recipe",
        "write -c parameter=value, such as -c sigma=4",
        "do_ptc: needs script_mode BIAS_DARK_FLAT, not BIAS_DARK",
    ]


@pytest.mark.parametrize(
    ("content", "said"), [(b"- a\n- b\n", "name: value"), (b"", "name: value"), (b"\xff\xfe\x00", "not YAML")]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, said):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(BadSequence, match=said):
        read_sequence(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(BadSequence, match=r"gone\.yaml: No such file"):
        read_sequence(tmp_path / "gone.yaml")
    with pytest.raises(BadSequence, match="Is a directory"):
        read_sequence(tmp_path)


def test_every_field_of_a_sequence_is_described():
    described = {name: field.description for name, field in Sequence.model_fields.items()}
    assert all(described.values()), described


def test_dates_are_read_as_they_stand(tmp_path):
    sequence = read_sequence(
        write(tmp_path, certify_calib_begin_date="2026-01-01T12:00:00", certify_calib_end_date="2026-02-01")
    )
    assert sequence.certify_calib_begin_date == "2026-01-01T12:00:00"
    assert sequence.certify_calib_end_date == "2026-02-01"


def test_the_example_with_its_comments_taken_off_is_good(tmp_path):
    whole = EXAMPLE.read_text().replace("# calib_", "calib_").replace("# certify", "certify")
    path = tmp_path / "whole.yaml"
    path.write_text(whole.replace("# parameters:", "parameters:").replace("#   bias.sigma", "  bias.sigma"))
    sequence = read_sequence(path)
    assert sequence.parameters == {"bias.sigma": 4}
    assert sequence.certify_calib_end_date == "2026-01-02T12:00:00"


def test_a_field_written_twice_is_refused(tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text() + "n_bias: 10\n")
    with pytest.raises(BadSequence, match="'n_bias' is written twice"):
        read_sequence(path)


@pytest.mark.parametrize(
    "text", ["? [a]\n: 1\n", "a: " + "[" * 5000], ids=["a list as name", "nested too deep"]
)
def test_hostile_yaml_is_refused_in_words(tmp_path, text):
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    with pytest.raises(BadSequence, match=r"hostile\.yaml"):
        read_sequence(path)
