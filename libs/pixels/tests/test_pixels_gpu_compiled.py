"""The kernel as NVIDIA's compiler makes it for GPUs: every variant compiles, keeps samples in registers, and rounds
every operation by itself. What it computes is the matter of test_pixels_gpu.py."""

import re

import numpy as np
import pytest

import nvrtc
from calibrant.pixels.backends.specialised import ROUNDING, source

pytestmark = pytest.mark.nvrtc

KNOWN = {
    "SAMPLE": 16,
    "LANES": 1,
    "GROUP": 64,
    "PIXELS": 16,
    "FRAMES": 20,
    "STORED": 4,
    "STEP": 2,
    "ZERO": 0,
    "BASE": 0,
    "STATISTIC": 2,
    "MEAN_CENTER": 0,
    "MAD_SPREAD": 0,
    "CUMULATIVE": 0,
    "SCALED": 0,
    "MASKED": 0,
    "VARIANCES": 0,
    "STEPS": 0,
}
FLOAT = {"SAMPLE": 32, "STORED": 12, "STEP": 4}
VARIANTS = {
    "default": {},
    "MAD": {"MAD_SPREAD": 1},
    "cumulative about the mean": {"MEAN_CENTER": 1, "CUMULATIVE": 1},
    "one frame": {"FRAMES": 1},
    "signed and swapped": {"STORED": 7, "ZERO": 32768},
    "scaled float": {**FLOAT, "SCALED": 1},
    "few floats with masks and variances": {**FLOAT, "FRAMES": 4, "MASKED": 1, "VARIANCES": 1},
    "swapped double, weighted": {"SAMPLE": 64, "STORED": 15, "STEP": 8, "STATISTIC": 4},
    "median": {**FLOAT, "STATISTIC": 1},
    "min-max": {**FLOAT, "STATISTIC": 3, "MASKED": 1},
    "raw, flipped": {"SAMPLE": 32, "STEP": -2, "MASKED": 1, "STEPS": 1},
    "few raw": {"SAMPLE": 32, "FRAMES": 4, "MASKED": 1, "VARIANCES": 1, "STEPS": 1},
    "more than registers hold": {"FRAMES": 300},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_compiles_and_rounds_every_operation_by_itself(variant):
    named = "static double named(double a, double b, double c) { return a * b + c; }\n"
    asked = named + source().replace("fma(", "named(")  # those that a division is made of
    text, _ = nvrtc.compile_for("compute_80", asked, KNOWN | VARIANTS[variant], ROUNDING)
    assert b"mul.rn.f64" in text
    assert b"fma." not in text
    assert b".approx" not in text
    assert b".ftz" not in text


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("variant", ["default", "MAD", "scaled float"])
def test_samples_are_in_registers_and_only_those_of_a_window_in_memory(variant, architecture):
    known = KNOWN | VARIANTS[variant]
    code, said = nvrtc.compile_for(architecture, source(), known, ROUNDING, "--ptxas-options=-v")
    stack, stores, loads = map(
        int,
        re.search(
            r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said
        ).groups(),
    )
    assert code.startswith(b"\x7fELF")
    assert (stores, loads) == (0, 0)
    assert stack <= np.dtype(np.float32).itemsize * (known["FRAMES"] + 2)
