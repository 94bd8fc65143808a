"""Sequence files: what they give, and what is said of wrong ones."""

from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from calibrant.contracts.common.v1 import TimeRange
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.frames.times import parse_time
from calibrant.observatory.requests import recipe_parameters, run_request
from calibrant.observatory.sequence import BadSequence, Sequence, read_sequence
from calibrant.observatory.sequence_keys import ScriptMode
from calibrant.observatory.sequence_wish import as_wished
from calibrant.observatory.settings import ObservatorySettings

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
            "exp_times_dark has 23 times for n_dark + n_discard_dark = 3; give 1 or 3",
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
        ({"certify_calib_end_date": "soon"}, "'soon' is not a time"),
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


def test_every_wrong_field_is_told_at_once(tmp_path):
    with pytest.raises(BadSequence, match=r"n_bias: .*; .*unknown field 'colour'"):
        read_sequence(write(tmp_path, n_bias="-1", colour="red"))


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


MINIMAL = {"instrument": "latiss", "script_mode": "BIAS_DARK_FLAT"}
DARK_TIMES_S = (5.0,) * 5 + (15.0,) * 2 + (30.0,) * 16
"""As Rubin's script has it."""


def taken(sequence):
    return {e.image_type: (e.exposure_times_s, e.discard) for e in sequence.exposures}


def wish(sequence):
    return as_wished(RunRequested(**REQUEST), sequence)


def looks_in(field, kind, sequence):
    return getattr(wish(sequence), field)[kind] == BOTH


REQUEST = {
    "run_id": "run-1",
    "instrument": "latiss",
    "folder": "",
    "generate": True,
    "collection": "",
    "validity": TimeRange(),
    "requested_by": "tester",
}
BOTH = "a/calib,b/calib"
KEYS = {
    "instrument": ("", "LATISS", 5, lambda s: s.instrument == "LATISS"),
    "script_mode": (..., "BIAS", "FLAT", lambda s: list(taken(s)) == ["BIAS"]),
    "n_bias": (20, 3, 0, lambda s: len(taken(s)["BIAS"][0]) == 4),
    "n_discard_bias": (1, 2, -1, lambda s: taken(s)["BIAS"] == ((0.0,) * 22, 2)),
    "n_dark": (22, 22, "many", lambda s: taken(s)["DARK"] == (DARK_TIMES_S, 1)),
    "n_discard_dark": (1, 1, 1.5, lambda s: taken(s)["DARK"][1] == 1),
    "exp_times_dark": (DARK_TIMES_S, 7, -1, lambda s: taken(s)["DARK"][0] == (7.0,) * 23),
    "n_flat": (20, 6, True, lambda s: taken(s)["FLAT"] == ((5.0,) * 7, 1)),
    "n_discard_flat": (1, 0, "one", lambda s: taken(s)["FLAT"] == ((5.0,) * 20, None)),
    "exp_times_flat": ((5.0,), [2] * 21, [], lambda s: taken(s)["FLAT"][0] == (2.0,) * 21),
    "n_spot": (None, None, 0, lambda s: "SPOT" not in taken(s)),
    "exp_times_spot": (None, 2, -2, lambda s: "SPOT" not in taken(s)),
    "filter": ("", "SDSSr_65mm", 5, lambda s: s.exposures[-1].filter == "SDSSr_65mm"),
    "generate_calibrations": (False, True, "perhaps", lambda s: s.kinds == ("bias", "dark", "flat", "gain")),
    "do_defects": (False, True, 2, lambda s: s.build == ("defects",)),
    "do_ptc": (False, True, 2, lambda s: s.build == ("ptc",)),
    "do_gain_from_flat_pairs": (True, True, 2, lambda s: s.build == ("gain",)),
    "make": ((), ["bias"], "bias", lambda s: s.kinds == ("bias",)),
    "number_verification_tests_threshold_bias": (
        None,
        4,
        0,
        lambda s: s.settings == ("gate.bias.failed_tests=4",),
    ),
    "number_verification_tests_threshold_dark": (
        None,
        5,
        -8,
        lambda s: s.settings == ("gate.dark.failed_tests=5",),
    ),
    "number_verification_tests_threshold_flat": (
        None,
        6,
        1.5,
        lambda s: s.settings == ("gate.flat.failed_tests=6",),
    ),
    "config_options_bias": (" ", "-c sigma=4", "sigma", lambda s: s.settings == ("bias.sigma=4",)),
    "config_options_dark": (" ", "sigma=4", "--x", lambda s: s.settings == ("dark.sigma=4",)),
    "config_options_flat": (" ", "--config sigma=4", 4, lambda s: s.settings == ("flat.sigma=4",)),
    "config_options_defects": (" ", "dark_sigma=4", "=4", lambda s: s.settings == ("defects.dark_sigma=4",)),
    "config_options_ptc": (" ", "-c a=1 -c b=2", "a:b=1", lambda s: s.settings == ("ptc.a=1", "ptc.b=2")),
    "calib_collection": (
        "",
        "LATISS/calib/daily",
        5,
        lambda s: s.calib_collection == "LATISS/calib/daily",
    ),
    "certify_calib_begin_date": (
        None,
        "1950-01-01T00:00:00",
        "yesterday",
        lambda s: wish(s).valid_for_s == 86_400,
    ),
    "certify_calib_end_date": (None, "2050-01-01", 2050, lambda s: wish(s).valid_for_s == 86_400),
    "detectors": ((), [0, 3], [-1], lambda s: wish(s).detectors == (0, 3)),
    "wait_between_exposures": (0.0, 2.5, -1, lambda s: wish(s).wait_between_exposures_s == 2.5),
    "note": (None, "new lamp", 5, lambda s: wish(s).note == "new lamp"),
    "program": (None, "BLOCK-123", "BLOCK_123", lambda s: wish(s).image_keys == {"program": "BLOCK-123"}),
    "reason": (None, "SITCOM-1", 1, lambda s: wish(s).image_keys == {"reason": "SITCOM-1"}),
    "test_case": (
        None,
        {"name": "BLOCK-T1", "version": 1},
        [1],
        lambda s: wish(s).image_keys == {"testCase": "name=BLOCK-T1 version=1"},
    ),
    "grating": (None, "holo4_003", 4, lambda s: wish(s).image_keys == {"grating": "holo4_003"}),
    "min_frames": (None, 5, 0, lambda s: wish(s).min_frames == {"bias": 5, "dark": 5, "flat": 5}),
    "on_failure": ("stop", "continue", "ignore", lambda s: wish(s).stop_on_failure is None),
    "do_verify": (True, False, "no", lambda s: wish(s).skip_verification),
    **{
        f"input_collections_{kind}": (None, BOTH, 5, partial(looks_in, "input_collections", kind))
        for kind in ("bias", "dark", "flat", "defects", "ptc")
    },
    **{
        f"input_collections_verify_{kind}": (None, BOTH, 5, partial(looks_in, "verify_collections", kind))
        for kind in ("bias", "dark", "flat")
    },
    "parameters": ({}, {"bias.sigma": 3}, "x", lambda s: s.settings == ("bias.sigma=3",)),
    "n_processes": (None, 8, 0, lambda s: "n_processes has no effect" in s.remarks[0]),
    "repo": (None, "/repo/LATISS/butler+sasquatch.yaml", 5, lambda s: "repo has no effect" in s.remarks[0]),
    "ignore": (None, ["mtdome"], "mtdome", lambda s: "ignore has no effect" in s.remarks[0]),
}
"""Every key: its default, a value, one that is refused, and what the value does."""


@pytest.mark.parametrize("key", Sequence.model_fields)
def test_every_key_has_its_default_its_effect_and_its_error(key):
    default, value, wrong, shown = KEYS[key]
    field = Sequence.model_fields[key]
    assert (... if field.is_required() else field.get_default(call_default_factory=True)) == default
    assert shown(Sequence.model_validate(MINIMAL | {key: value}))
    with pytest.raises(ValidationError, match=key):
        Sequence.model_validate(MINIMAL | {key: wrong})


def test_null_stands_for_the_default_and_a_file_of_the_mode_alone_is_whole():
    nulls = dict.fromkeys(f"n_{d}{t}" for d in ("", "discard_") for t in ("bias", "dark", "flat"))
    assert taken(Sequence.model_validate(MINIMAL | nulls)) == {
        "BIAS": ((0.0,) * 21, 1),
        "DARK": (DARK_TIMES_S, 1),
        "FLAT": ((5.0,) * 21, 1),
    }


def test_parameters_go_before_config_options():
    sequence = Sequence.model_validate(
        MINIMAL | {"config_options_bias": "-c sigma=4 -c statistic=median", "parameters": {"bias.sigma": 3}}
    )
    assert recipe_parameters(sequence.settings) == {"bias.sigma": "3", "bias.statistic": '"median"'}


def test_r9_frames_are_verified_against_the_standard_collection_unless_another_is_named():
    plain = wish(Sequence.model_validate(MINIMAL))
    assert plain.verify_collections["dark"] == "latiss/calib,latiss/calib/daily"
    assert plain.input_collections["gain"] == "latiss/calib"
    named = {"input_collections_verify_dark": "mine", "calib_collection": "LATISS/calib/daily"}
    asked = wish(Sequence.model_validate(MINIMAL | named))
    assert (asked.verify_collections["dark"], asked.verify_collections["bias"]) == (
        "mine",
        "latiss/calib,LATISS/calib/daily",
    )


def test_r28_a_ptc_is_made_of_pairs_of_flats():
    good = {"do_ptc": True, "n_flat": 4, "exp_times_flat": [9, 1, 1, 2, 2]}
    assert Sequence.model_validate(MINIMAL | good).kinds == ("bias", "dark", "flat", "ptc")
    with pytest.raises(ValidationError, match="a ptc is made of pairs"):
        Sequence.model_validate(MINIMAL | good | {"exp_times_flat": [9, 1, 1, 2, 3]})


@pytest.mark.parametrize("key", ["do_defects", "do_ptc"])
def test_r26_r27_defects_and_ptc_need_darks_and_flats(key):
    for mode in ("BIAS", "DARK", "BIAS_DARK"):
        with pytest.raises(ValidationError, match="needs script_mode BIAS_DARK_FLAT"):
            Sequence.model_validate({"script_mode": mode, key: True})


def test_r22_r23_r24_and_dark_alone_are_the_modes():
    modes = {mode: [e.image_type for e in Sequence(script_mode=mode).exposures] for mode in ScriptMode}
    assert modes == {
        "BIAS": ["BIAS"],
        "DARK": ["DARK"],
        "BIAS_DARK": ["BIAS", "DARK"],
        "BIAS_DARK_FLAT": ["BIAS", "DARK", "FLAT"],
    }


def test_r14_external_verification_is_the_default_and_r13_internal_is_asked_for():
    assert not Sequence(script_mode="BIAS").generate_calibrations
    assert Sequence(script_mode="BIAS", generate_calibrations=True).generate_calibrations


def test_r2_a_camera_is_found_by_its_name_in_capitals(tmp_path):
    request = run_request(ObservatorySettings(data_dir=tmp_path), instrument="SIMCAM-TINY")
    assert request.instrument == "simcam-tiny"


@pytest.mark.parametrize("scale", ["", "TAI", "UTC", "Z"])
def test_dates_of_a_sequence_are_tai_unless_they_say_utc(scale):
    text = f"2026-01-01T00:00:00 {scale}"
    sequence = Sequence(
        script_mode="BIAS", certify_calib_begin_date=text, certify_calib_end_date="2026-01-02T00:00:00"
    )
    shift_s = 37 if scale in {"UTC", "Z"} else 0
    assert parse_time(sequence.end) - parse_time(sequence.begin) == (86_400 - shift_s) * 10**9


def test_of_a_folder_a_failure_stops_nothing_unless_the_file_says_so():
    request = RunRequested(**REQUEST | {"folder": "/frames"})
    plain, written = Sequence(script_mode="BIAS"), Sequence(script_mode="BIAS", on_failure="stop")
    assert [as_wished(request, one).stop_on_failure for one in (plain, written)] == [None, True]
    assert wish(plain).stop_on_failure
