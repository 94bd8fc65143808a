"""What the engine says it works in: seen from outside while it combines, and what follows for threads."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from calibrant.pixels import (
    Amplifier,
    Box,
    CosmicRays,
    Geometry,
    Overscan,
    Reference,
    Signature,
    Step,
    Terms,
    combine_raw,
    frame_levels,
)
from calibrant.pixels.memory import LEVEL_BYTES, thread_bytes, threads_within

ROWS, COLUMNS, FRAMES, THREADS = 600, 2048, 40, 2
MIB = 2**20


class Drawn:
    """A frame that is in no memory: its rows are made when they are asked for."""

    shape, dtype, zero = (ROWS, COLUMNS), np.dtype(np.uint16), 0

    def read_rows(self, first, last, into, /):
        into[...] = 1000 + (np.arange(first, last)[:, None] * 7 + np.arange(COLUMNS)) % 13


def resident(name):
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", status)[1])


def grown(what):
    """Combine, or measure levels, in a process of its own; return how far its memory rose above what it began with."""
    box = Box(0, ROWS, 0, COLUMNS - 32)
    amplifier = Amplifier(
        "A", box, box, False, False, Box(0, ROWS, COLUMNS - 32, COLUMNS), None, 2.0, 5.0, None
    )
    geometry = Geometry((ROWS, COLUMNS), box.shape, (amplifier,))
    rays = {Step.COSMIC_RAYS: CosmicRays()} if what == "rays" else {}
    signature = Signature(
        Overscan("median-per-row"), bias=Reference(np.zeros(box.shape, np.float32)), barriers=rays
    )
    terms = [Terms()] * FRAMES
    combine_raw([Drawn()] * 2, geometry, signature, terms[:2], threads=1)  # what is loaded once
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark begins anew
    if what == "levels":
        frame_levels([Drawn()] * 4, geometry, signature, terms[:4], threads=THREADS)
    else:
        combine_raw([Drawn()] * FRAMES, geometry, signature, terms, threads=THREADS)
    return resident("VmHWM") - before


@pytest.mark.parametrize("what", ["pixels", "rays", "levels"])
def test_no_more_is_taken_than_is_said(what):
    apart = subprocess.run([sys.executable, __file__, what], check=True, capture_output=True, text=True)
    seen = int(apart.stdout)
    signature = Signature(barriers={Step.COSMIC_RAYS: CosmicRays()} if what == "rays" else {})
    said = (
        thread_bytes((ROWS, COLUMNS), FRAMES, 2, signature)
        if what != "levels"
        else LEVEL_BYTES * ROWS * COLUMNS
    )
    planes = 0 if what == "levels" else 16 * ROWS * COLUMNS
    assert seen < THREADS * said + planes + 16 * MIB
    assert THREADS * said + planes < 3 * seen + 40 * MIB


@pytest.mark.parametrize(
    ("memory", "each", "threads"), [(0, 10**12, 16), (100, 10, 5), (100, 3, 16), (100, 60, 1), (19, 10, 1)]
)
def test_threads_are_as_many_as_half_of_the_memory_holds(monkeypatch, memory, each, threads):
    monkeypatch.setattr("calibrant.pixels.memory.thread_count", lambda _: 16)
    assert threads_within(memory, each) == threads


if __name__ == "__main__":
    sys.stdout.write(f"{grown(sys.argv[1])}\n")
