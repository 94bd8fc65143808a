"""The bench of the GPU runs, on a device in memory, and says what is missing where there is none."""

import io
import sys

import pytest
from gpu import gpu, measured
from rich.console import Console

from calibrant.pixels.backends import cupy
from combiners.data import Sizes
from device_in_memory import DeviceInMemory


@pytest.mark.compiler
def test_everything_is_measured(monkeypatch):
    device = DeviceInMemory()
    monkeypatch.setattr(cupy, "open_device", lambda: device)
    told = measured(device, Sizes(frames=3, large=40, rounds=2), within=1e9)
    assert [figure.target for figure in told if figure.target] == [0.6, 0.85, 0.85, 0.8]
    assert all(one > 0 for figure in told for one in figure.rounds)


def test_without_a_gpu_it_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    cupy.open_device.cache_clear()
    console = Console(file=io.StringIO(), width=200)
    gpu(console, Sizes())
    said = console.file.getvalue()
    assert "the GPU is not measured: CuPy cannot be imported" in said
    assert "install calibrant-pixels[gpu]" in said
