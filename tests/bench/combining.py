"""The pixel engine beside other combiners of frames, in one run. Alone: ``python tests/bench/combining.py``.

What is compared, and what the columns mean, is in docs/performance.md, where the tables are written to when everything
is measured in full and no peer is missing. The peers are installed by ``tests/bench/peers``; those that are not there are named as missing.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import figures
import gpu
import row_sources
from rich.console import Console

from calibrant.pixels import why_not
from calibrant.pixels.backends import cupy
from combiners import in_memory, scaling, with_files
from combiners.data import Sizes, fill
from combiners.field import the_field
from combiners.goals import HEADS
from combiners.machine import described, load
from combiners.tables import Cells, Figures, put_between_markers

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
COMMAND = "python tests/bench/combining.py"
INSTALL = "`make bench-combining` installs what it can, and measures again."
PARTS = ("peers", "files", "resident", "compressed", "growth", "gpu")
FIGURE_HEADS = ("what", *figures.HEADS)
PEER_HEADS = ("combiner", "Mpix/s of input", "median", "least", "identical pixels", "greatest difference")
MEMORY_HEADS = (
    "frames",
    "planes / MiB",
    "most when combined / MiB",
    "most when written / MiB",
    "beside the planes / MiB",
    "",
)
GROWTH_HEADS = (
    "stack",
    "median",
    "least",
    "median, ns a sample",
    "least, ns a sample",
    "to the first (least)",
)


def side_by_side(folder: Path, sizes: Sizes, missing: dict[str, str]) -> tuple[list[Cells], list[Figures]]:
    """Let everybody combine the same frames; return what is asked of us, and how the others do; tell who is missing."""
    asked: list[Cells] = []
    peers: list[Figures] = []
    with the_field(folder, sizes) as field:
        for group in in_memory.groups(sizes):
            same = in_memory.same_work(field, group)
            found = field.take_turns(group.names, sizes.rounds)
            missing |= found.missing
            asked += [goal.row(found) for goal in group.goals]
            peers.append(Figures(group.title, PEER_HEADS, in_memory.rows(group, found, same, sizes)))
    return asked, peers


def measured(folder: Path, sizes: Sizes, parts: Sequence[str], missing: dict[str, str]) -> list[Figures]:
    """Measure some parts, or all, on the data of a folder; tell which peers are missing, and why."""
    asked, tables = side_by_side(folder, sizes, missing) if "peers" in parts else ([], [])
    if "files" in parts:
        found = with_files.raced(folder, sizes)
        missing |= found.missing
        asked += [goal.row(found) for goal in with_files.goals(sizes)]
    if "resident" in parts:
        told = scaling.memory(folder, sizes)
        tables.append(Figures("Resident memory, frames from disk:", MEMORY_HEADS, told))
    if "compressed" in parts:
        told = [figures.cells(figure) for figure in row_sources.measured()]
        tables.append(Figures("Rows from compressed frames:", FIGURE_HEADS, told))
    if "growth" in parts:
        told = scaling.growth(sizes)
        tables.append(Figures("Growth, clipped mean by median/std in memory:", GROWTH_HEADS, told))
    if "gpu" in parts:
        tables.append(Figures("On a GPU:", FIGURE_HEADS, on_gpu(sizes)))
    return [Figures("What is asked, and what was measured:", HEADS, asked), *tables] if asked else tables


def on_gpu(sizes: Sizes) -> list[Cells]:
    """Measure a GPU beside its own limits, or say why there is nothing to measure."""
    missing = why_not("cupy")
    if missing:
        return [(f"not measured: {missing}", *[""] * len(figures.HEADS))]
    within = gpu.device_bandwidth(sizes.rounds)
    return [figures.cells(figure) for figure in gpu.measured(cupy.open_device(), sizes, within)]


def combining(console: Console, sizes: Sizes, parts: Sequence[str] = PARTS, page: Path | None = PAGE) -> None:
    """Measure, show, and write to a page of the documentation, which stays as it is where a peer is missing."""
    before, missing = load(), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="calibrant-combining-") as name:
        folder = Path(name)
        fill(folder, sizes)
        tables = measured(folder, sizes, parts, missing)
    told = (
        f"{described()}; load average {before} at the beginning, {load()} at the end. `{COMMAND}`, "
        f"{sizes.rounds} rounds."
    )
    console.print(told)
    for table in tables:
        console.print(table.for_console())
    if page is not None and missing:
        reasons = "; ".join(f"{name}: {why}" for name, why in sorted(missing.items()))
        console.print(
            f"The tables of {page.name} stay as they are, for peers are missing ({reasons}): {INSTALL}"
        )
    elif page is not None:
        put_between_markers(page, "\n\n".join([told, *(table.for_documentation() for table in tables)]))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it is ended, it leaves no files
    whole = Sizes()
    parser = argparse.ArgumentParser(description=__doc__)
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name}", type=int, default=getattr(whole, field.name))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    words = vars(parser.parse_args())
    asked_for = words.pop("parts")
    sizes_asked_for = Sizes(**words)
    enough = sizes_asked_for.rounds >= whole.rounds
    everything = (
        enough and replace(sizes_asked_for, rounds=whole.rounds) == whole and set(asked_for) == set(PARTS)
    )
    combining(Console(width=160), sizes_asked_for, asked_for, PAGE if everything else None)
