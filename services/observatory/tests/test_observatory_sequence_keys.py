"""The keys of a sequence file: their defaults, what each does, and what the procedure asks of them together."""

from functools import partial

import pytest
from pydantic import ValidationError

from calibrant.contracts.common.v1 import TimeRange
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.frames.times import parse_time
from calibrant.observatory.requests import recipe_parameters, run_request
from calibrant.observatory.sequence import Sequence
from calibrant.observatory.sequence_faults import faults_told
from calibrant.observatory.sequence_keys import ScriptMode
from calibrant.observatory.sequence_wish import as_wished
from calibrant.observatory.settings import ObservatorySettings

KINDS = ("bias", "dark", "flat", "defects", "ptc")
MINIMAL = {"instrument": "latiss", "script_mode": "BIAS_DARK_FLAT"}
DARK_TIMES_S = (5.0,) * 5 + (15.0,) * 2 + (30.0,) * 16
"""As Rubin's script has it."""


def taken(sequence):
    return {e.image_type: (e.exposure_times_s, e.discard) for e in sequence.exposures}


def wish(sequence):
    return as_wished(RunRequested(**REQUEST), sequence, "LATISS/calib")


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
    "oods_timeout": (120, 90, 0, lambda s: wish(s).frames_within_s == 90.0),
    "background_task_timeout": (None, 30, "soon", lambda s: wish(s).finish_within_s == 3 * 30.0),
    "do_verify": (True, False, "no", lambda s: wish(s).skip_verification),
    **{
        f"input_collections_{kind}": (None, BOTH, 5, partial(looks_in, "input_collections", kind))
        for kind in KINDS
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


RUBINS = {
    *("script_mode", "wait_between_exposures", "generate_calibrations", "do_verify", "do_defects", "do_ptc"),
    *("do_gain_from_flat_pairs", "n_processes", "certify_calib_begin_date", "certify_calib_end_date"),
    *(
        "oods_timeout",
        "background_task_timeout",
        "note",
        "program",
        "reason",
        "test_case",
        "filter",
        "grating",
    ),
    *("detectors", "calib_collection", "repo", "ignore", "exp_times_dark", "exp_times_flat"),
    *(f"{key}_{kind}" for key in ("n", "n_discard") for kind in ("bias", "dark", "flat")),
    *(f"number_verification_tests_threshold_{kind}" for kind in ("bias", "dark", "flat")),
    *(f"input_collections_verify_{kind}" for kind in ("bias", "dark", "flat")),
    *(f"{key}_{kind}" for key in ("config_options", "input_collections") for kind in KINDS),
}
"""Keys of the schema of Rubin's script, of all its instruments."""


def test_every_key_of_rubins_schema_is_there_and_ours_beside_it_are_few():
    ours = {"instrument", "make", "n_spot", "exp_times_spot", "min_frames", "on_failure", "parameters"}
    assert set(Sequence.model_fields) == RUBINS | ours


@pytest.mark.parametrize("key", Sequence.model_fields)
def test_a_misspelt_key_is_refused_and_its_own_named(key):
    near = key[:-1] + "xx"
    with pytest.raises(ValidationError) as caught:
        Sequence.model_validate(MINIMAL | {near: 1})
    assert faults_told(caught.value)[-1] == f"unknown field {near!r}; did you mean {key!r}?"


@pytest.mark.parametrize(
    ("keys", "good", "bad"),
    [
        (("n_bias", "n_dark", "n_flat", "n_spot"), (1, 10_000), (0, 10_001, 2.0, "3")),
        (("n_discard_bias", "n_discard_dark", "n_discard_flat"), (0, 10_000), (-1, 10_001, 0.5)),
        (("exp_times_dark", "exp_times_flat"), (0, 86_400), (-1, 86_401, [], "long", [5, -5])),
        (("wait_between_exposures",), (0, 86_400), (-1, 86_401, "long")),
        (("oods_timeout", "background_task_timeout"), (1, 86_400), (0, 86_401, 1.5, "60")),
        (("number_verification_tests_threshold_bias",), (1, 10**6), (0, 8.5, "8")),
        (("generate_calibrations", "do_verify", "do_defects", "do_ptc"), (True, False), (1, "yes", None)),
        (("program",), ("BLOCK-1", "BLOCK-123"), ("BLOCK_123", "BLOCK-", "block-1", "")),
        (("detectors",), ([], [0, 196]), ([-1], 0, ["R22_S11"])),
        (("filter",), ("", "r", ["r", "g"]), (5, [5])),
    ],
)
def test_ranges_end_where_they_are_said_to(keys, good, bad):
    for key in keys:
        plain = MINIMAL | {"exp_times_spot": 1, "exp_times_dark": 1}
        for value in good:
            Sequence.model_validate(plain | {key: value})
        for value in bad:
            with pytest.raises(ValidationError, match=key):
                Sequence.model_validate(plain | {key: value})


def test_flats_are_taken_in_each_filter_of_a_list_each_with_its_own_first_ones():
    sequence = Sequence.model_validate(MINIMAL | {"filter": ["r", "g", "r"], "n_flat": 4})
    flats = [(one.filter, len(one.exposure_times_s), one.discard) for one in sequence.exposures[2:]]
    assert flats == [("r", 5, 1), ("g", 5, 1)]


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
    assert plain.verify_collections["dark"] == "LATISS/calib,LATISS/calib/daily"
    assert plain.input_collections["gain"] == "LATISS/calib"
    named = {"input_collections_verify_dark": "mine", "calib_collection": "LATISS/calib/daily"}
    asked = wish(Sequence.model_validate(MINIMAL | named))
    assert (asked.verify_collections["dark"], asked.verify_collections["bias"]) == (
        "mine",
        "LATISS/calib,LATISS/calib/daily",
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
    assert [as_wished(request, one, "x/calib").stop_on_failure for one in (plain, written)] == [None, True]
    assert wish(plain).stop_on_failure
