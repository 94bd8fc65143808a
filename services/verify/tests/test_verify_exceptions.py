"""One frame that is not like the others is named with how far it stands out, whatever it shows; chance is not told."""

import shutil

import pytest

from calibrant.verify.noticing import findings


def told(bench, kind, frames, *subtracted, **removed):
    report, _ = bench.measure(bench.master(kind, frames, **removed), frames, *subtracted)
    return findings(kind, {0: report})


def test_a_light_frame_among_darks_is_named(bench):
    darks = bench.frames("dark", 6, time_s=10.0)
    darks.insert(3, bench.frame("dark", "stray", time_s=10.0, light_e=300.0))
    (said,) = told(bench, "dark", darks)
    assert "exposure stray is not like the other 6: its level is 2" in said
    assert "electron above theirs, " in said
    assert "times their scatter; its noise is " in said
    assert said.endswith("did light come in, or is it no dark?; 3 more amplifiers like it")


def test_a_dark_among_biases_and_a_dark_without_its_charge_are_named(bench):
    biases = [*bench.frames("bias", 6), bench.frame("bias", "dark", time_s=2000.0)]
    assert "exposure dark is not like the other 6" in told(bench, "bias", biases)[0]
    darks = [*bench.frames("dark", 6, time_s=10.0, light_e=100.0), bench.frame("dark", "short", time_s=10.0)]
    assert "electron below theirs" in told(bench, "dark", darks)[0]


def test_a_flat_with_a_lamp_off_is_named_and_the_others_are_steady(bench):
    bias = bench.master("bias", bench.frames("bias", 5))
    flats = bench.frames("flat", 6, time_s=1.0, light_e=9000.0)
    flats.insert(2, bench.frame("flat", "dim", time_s=1.0, light_e=4500.0))
    (light,) = told(bench, "flat", flats, bias, bias=bias)
    assert "exposure dim is not like the other 6: it has 0.5 times their light" in light


def test_two_frames_that_stand_out_are_both_named_and_spoil_no_gain(bench):
    bias = bench.master("bias", bench.frames("bias", 5))
    flats = bench.frames("flat", 9, time_s=1.0, light_e=9000.0)
    flats += [
        bench.frame("flat", name, time_s=1.0, light_e=light)
        for name, light in (("dim", 4500.0), ("off", 30.0))
    ]
    (said,) = told(bench, "flat", flats, bias, bias=bias)
    assert "exposure off is not like the other 10: it has 0.003" in said
    assert "or is it no flat?; so stands out dim; 3 more amplifiers like it" in said


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_frames_that_are_alike_are_not_told(bench, kind):
    bias = bench.master("bias", bench.frames("bias", 5))
    frames = bench.frames(kind, 8, time_s=0.0 if kind == "bias" else 5.0, light_e=8000.0 * (kind == "flat"))
    assert (
        told(bench, kind, frames, *([bias] if kind == "flat" else []), bias=bias if kind == "flat" else None)
        == ()
    )


@pytest.mark.parametrize(
    ("light_e", "says"),
    [
        ((0, 20, 45, 60, 85, 100), "the level drifts: 7"),
        ((90, 20, 45, 80, 5, 60), "the level is not steady: 8"),
        ((0, 50, 0, 50, 0, 50), "the level alternates: 4"),
    ],
)
def test_darks_that_light_leaks_into_are_told_for_what_they_do(bench, light_e, says):
    darks = [
        bench.frame("dark", f"d{i}", time_s=10.0, light_e=float(light)) for i, light in enumerate(light_e)
    ]
    assert any(says in one and "at a read noise of" in one for one in told(bench, "dark", darks))


WRONG = {
    "st402": ("dark", "flat/flat_1012_2s_r_001.FIT.gz", "dark_1012_2s_008", "electron above theirs"),
    "newton-du940p": ("flat", "arc/*", "flat_Mon_Sep_19_2022_20.00.00_00041", "times their light"),
}
"""By camera: the set, the frame that gets into it, the exposure that it is taken for, and what is said."""


@pytest.mark.real_frames
@pytest.mark.parametrize("camera", list(WRONG))
def test_a_real_frame_under_a_wrong_name_is_named(real_bench, real_data, tmp_path, camera):
    """A flat of the ST-402 called dark, and the arc of the Newton called flat: both cameras tell types by names."""
    bench, folder = real_bench(camera), real_data / camera
    kind, odd, name, says = WRONG[camera]
    (source,) = folder.glob(odd)
    wrong = tmp_path / f"{name}.fits.gz"
    shutil.copy(source, wrong)
    frames = [bench.input(path) for path in [*sorted((folder / kind).glob("*")), wrong]]
    biases = [bench.input(path) for path in sorted(folder.glob("bias/*"))]
    bias = bench.master("bias", biases) if biases else None
    said = told(bench, kind, frames, *([bias] if bias else []), bias=bias)
    (odd_one, *_) = [one for one in said if f"exposure {frames[-1].exposure_id} is not like the other" in one]
    assert says in odd_one
