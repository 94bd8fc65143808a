"""A commanded sequence of biases beside the pixel and file work in it: what everything else adds.

Work is what child processes compute (simulated frames, reading, combining, measuring, the report and its page), and
what is read from the object store or put into it, hashes included: artifacts, the archive's copies. Databases, the log,
and all that goes from one service or process to another are none. The rest is counted where no such work is going on
at all, from the moment when the last readout is told to the one when the announcement is given to the log. In its first
sequence a process compiles most of its statements, so a second one is measured, too.
Alone, with the sizes of a large camera: ``python tests/bench/sequence.py --detectors 9 --frames 20 --side 4096``.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from figures import Figure, show
from rich.console import Console

from calibrant.bus.ports import Record
from calibrant.contracts.common.v1 import DataRef
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.observatory.composition import Observatory, observatory
from calibrant.observatory.following import ask, follow
from calibrant.observatory.requests import run_request
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime.garbage import settled
from calibrant.runtime.objects import FolderStore, file_hash
from calibrant.runtime.workers import Workers

ROUNDS = 3
DETECTORS, FRAMES, SIDE = 9, 20, 1024
MOST_OVERHEAD = 0.10
MOST_LATENCY_S = 0.5
Interval = tuple[float, float]
WORK: list[Interval] = []
"""When work was going on, in seconds of the machine's monotonic clock, which processes share."""


@contextmanager
def noted() -> Any:
    """Note that work goes on in the block."""
    begun_s = time.monotonic()
    try:
        yield
    finally:
        WORK.append((begun_s, time.monotonic()))


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Interval]:
    """Call, in a child process, and tell from when to when."""
    begun_s = time.monotonic()
    return function(*arguments), (begun_s, time.monotonic())


class TimedWorkers(Workers):
    """Notes when its children compute."""

    async def run(self, function: Callable[..., Any], *arguments: Any, **limits: Any) -> Any:
        """Run a function in a child process."""
        result, interval = await super().run(timed, function, *arguments, **limits)
        WORK.append(interval)
        return result


def timed_hash(path: Path) -> tuple[str, int]:
    """Hash a file, in this process, and note it."""
    with noted():
        return file_hash(path)


@dataclass(frozen=True, slots=True)
class TimedStore(FolderStore):
    """Notes when it reads and puts."""

    def put_if_absent(self, key: str, file: Path, media_type: str) -> DataRef:
        """Store a file's bytes under a key."""
        with noted():
            return FolderStore.put_if_absent(self, key, file, media_type)

    def local_path(self, ref: DataRef) -> Path:
        """Return the file behind a reference after checking it."""
        with noted():
            return FolderStore.local_path(self, ref)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a sequence took.

    Parameters
    ----------
    overhead : float
        Everything but work, to work.
    beside_s : float
        From the last readout to the announcement, work left out, in seconds.
    whole_s : float
        The same with it.
    """

    overhead: float
    beside_s: float
    whole_s: float


def camera_file(folder: Path, detectors: int, side: int) -> Path:
    """Write the simulated camera with other numbers: detectors of so many pixels a side, four amplifiers each."""
    known = resources.files("calibrant.frames").joinpath("instruments", "simcam.yaml")
    camera = yaml.safe_load(known.read_text(encoding="utf-8"))
    half = side // 2
    place = {"A00": (0, 0), "A01": (1, 0), "A10": (0, 1), "A11": (1, 1)}
    amplifiers = [amplifier(one, *place[one["name"]], half) for one in camera["detectors"][0]["amplifiers"]]
    shape = [2 * (half + 16), 2 * (half + 36)]
    camera["name"] = "benchcam"
    camera["files"]["identify"] = {"INSTRUME": "^benchcam$"}
    camera["detectors"] = [
        {
            "id": n,
            "name": f"S{n:02}",
            "serial": f"BENCH-{n:04}",
            "raw_shape": shape,
            "amplifiers": amplifiers,
        }
        for n in range(detectors)
    ]
    camera["simulation"]["flaws"] = {}
    path = folder / "benchcam.yaml"
    path.write_text(yaml.safe_dump(camera), encoding="utf-8")
    return path


def amplifier(known: dict[str, Any], right: int, top: int, half: int) -> dict[str, Any]:
    """Place an amplifier's stream in its quarter of the raw frame: prescan, image, overscan."""
    column, row = right * (half + 36), top * (half + 16)
    rows = f"{row + 1}:{row + half}"
    image = f"{column + 5}:{column + 4 + half}"
    return known | {
        "prescan": f"[{column + 1}:{column + 4},{rows}]",
        "image": f"[{image},{rows}]",
        "serial_overscan": f"[{column + 5 + half}:{column + 36 + half},{rows}]",
        "parallel_overscan": f"[{image},{row + half + 1}:{row + half + 16}]",
        "placed": f"[{right * half + 1}:{(right + 1) * half},{top * half + 1}:{(top + 1) * half}]",
    }


def covered_s(intervals: Sequence[Interval], begun_s: float, ended_s: float) -> float:
    """Return how long at least one interval was going on between two moments, in seconds."""
    total_s, reached_s = 0.0, begun_s
    for first_s, last_s in sorted(intervals):
        first_s, last_s = max(first_s, reached_s), min(last_s, ended_s)  # noqa: PLW2901  what is new of it
        if last_s > first_s:
            total_s += last_s - first_s
            reached_s = last_s
    return total_s


async def last_of(running: Observatory, topic: str, kind: str) -> Record:
    """Return the last record of a kind."""
    records = await running.platform.bus.read(topic, from_start=False, limit=100)
    mine = [one for one in records if dict(one.headers)["ce_type"].decode().endswith(kind)]
    return max(mine, key=lambda one: one.timestamp_ns)


def told_s(record: Record) -> float:
    """Return when what a record tells was made known, in seconds of the system's clock."""
    return datetime.fromisoformat(dict(record.headers)["ce_time"].decode()).timestamp()


async def take(running: Observatory, request: RunRequested) -> Taken:
    """Take a sequence the whole way."""
    WORK.clear()
    begun_s = time.monotonic()
    asked = await asyncio.to_thread(ask, running, request)
    async for progress in follow(running, asked.run_id):
        last = progress
    assert last.published == last.to_publish > 0, last
    to_monotonic_s = time.monotonic() - time.time()
    readout_s = told_s(await last_of(running, "camera-events", "ExposureStored")) + to_monotonic_s
    published = await last_of(running, "publications", "ProductPublished")
    ended_s = published.timestamp_ns / 1e9 + to_monotonic_s
    work_s, whole_s = covered_s(WORK, begun_s, ended_s), ended_s - readout_s
    beside_s = whole_s - covered_s(WORK, readout_s, ended_s)
    return Taken((ended_s - begun_s - work_s) / work_s, beside_s, whole_s)


async def run(instrument: Path, folder: Path, frames: int, times: int) -> list[Taken]:
    """Take the same sequence so many times in one process."""
    exposures = (ExposureRequest(image_type="BIAS", exposure_times_s=(0.0,) * frames, filter=""),)
    plain = ObservatorySettings(data_dir=folder, worker_slots=1)
    requests = [
        run_request(plain, instrument=str(instrument), exposures=exposures, requested_by="bench")
        for _ in range(times)
    ]
    settings = plain.model_copy(update={"instrument": requests[0].instrument})
    with patch("calibrant.runtime.platform.Workers", TimedWorkers):
        async with observatory(settings) as running:
            with settled():
                return [await take(running, request) for request in requests]


def measured(detectors: int, frames: int, side: int, rounds: int, times: int) -> list[list[Taken]]:
    """Take the sequence so many times in each round, on a new data folder; give the rounds of each time."""
    found = []
    with (
        patch("calibrant.runtime.objects.choosing.FolderStore", TimedStore),
        patch("calibrant.runtime.artifacts.file_hash", timed_hash),
    ):
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                camera = camera_file(Path(name), detectors, side)
                found.append(asyncio.run(run(camera, Path(name) / "data", frames, times)))
    return [list(time) for time in zip(*found, strict=True)]


def sequence(
    console: Console,
    detectors: int = DETECTORS,
    frames: int = FRAMES,
    side: int = SIDE,
    rounds: int = ROUNDS,
) -> None:
    """Measure and show what came out."""
    (many,) = measured(detectors, frames, side, rounds, times=1)
    first, second = measured(1, frames, side, rounds, times=2)
    what = f"{frames} biases of {side} x {side}"
    figures = [
        Figure(
            f"{detectors} detectors, {what}: everything but work, to work",
            [taken.overhead for taken in many],
            target=MOST_OVERHEAD,
            at_most=True,
        ),
        Figure(
            f"1 detector, {what}: last readout to announcement, work left out",
            [taken.beside_s for taken in first],
            "s",
            MOST_LATENCY_S,
            at_most=True,
        ),
        Figure("… with the work", [taken.whole_s for taken in first], "s"),
        Figure("… of the second sequence of the process", [taken.beside_s for taken in second], "s"),
        Figure("… with the work", [taken.whole_s for taken in second], "s"),
    ]
    show(console, "a commanded sequence, one worker", figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", type=int, default=DETECTORS)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    sequence(Console(width=140), chosen.detectors, chosen.frames, chosen.side, chosen.rounds)
