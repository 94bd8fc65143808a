"""``make bench``: how long the main steps take, each beside a plain reference in the same run.

Times are medians of several rounds; a ratio compares two figures of one round, since machines are noisy.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits
from combining import combining
from deciding import deciding
from delivery_batched import delivery_batched
from delivery_singly import delivery_singly
from describing import describing
from embedded_log import embedded_log
from paging import paging
from rich.console import Console
from rich.table import Table
from sequence import sequence
from transferring import transferring
from validity import look_ups

from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Message, TopicSpec
from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import read_frames
from calibrant.frames.testing import good_bytes
from calibrant.pixels import remove_signature
from combiners.data import Sizes

ROUNDS = 5


def measure(work: Callable[[], object]) -> list[float]:
    """Return the seconds that each round took; the first one warms up and does not count."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds


def signature() -> tuple[list[float], list[float]]:
    """Time the removal of overscan, gain and geometry of one frame against one pass over its pixels."""
    geometry = load_instrument("simcam").geometry(0)
    raw = np.full(geometry.raw_shape, 1000, np.uint16)
    return measure(lambda: remove_signature(raw, geometry)), measure(lambda: raw.astype(np.float32) * 1.5)


def reading(folder: Path) -> tuple[list[float], list[float]]:
    """Time reading with all checks against astropy's plain reading."""
    instrument = load_instrument("simcam")
    path = folder / "frame.fits"
    path.write_bytes(good_bytes(instrument))
    return measure(lambda: read_frames(path, instrument)), measure(lambda: fits.getdata(path))


def log(folder: Path) -> tuple[list[float], list[float]]:
    """Time appending 1000 messages of 1 KiB in batches of 100 against writing and syncing the bytes ten times."""
    messages = [Message("t", str(i), b"x" * 1024) for i in range(100)]

    async def append() -> None:
        bus = await open_bus(folder / "bus.sqlite")
        await bus.ensure_topics([TopicSpec("t", 8)])
        async with bus.producer() as producer:
            for _ in range(10):
                await producer.send(messages)
        await bus.close()

    def plain() -> None:
        import os  # noqa: PLC0415

        with (folder / "plain").open("wb") as stream:
            for _ in range(10):
                stream.write(b"x" * 1024 * 100)
                stream.flush()
                os.fsync(stream.fileno())

    return measure(lambda: asyncio.run(append())), measure(plain)


def main() -> None:
    """Measure everything and show a table."""
    table = Table("step", "median / ms", "reference", "median / ms", "ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steps = (
            ("instrument signature, 1056 x 1096", "one float pass", signature()),
            ("read a frame with all checks", "astropy getdata", reading(folder)),
            ("append 1000 x 1 KiB to the log", "10 plain writes + fsync", log(folder)),
        )
    for step, reference, (own, other) in steps:
        a, b = statistics.median(own), statistics.median(other)
        table.add_row(step, f"{a * 1e3:.1f}", reference, f"{b * 1e3:.1f}", f"{a / b:.2f}")
    Console().print(table)
    console = Console(width=140)
    look_ups(console)
    embedded_log(console)
    delivery_singly(console)
    delivery_batched(console)
    describing(console)
    transferring(console)
    deciding(console)
    paging(console)
    sequence(console)
    combining(console, Sizes())


if __name__ == "__main__":
    main()
