"""The pixel engine beside other combiners of frames, in one run. Alone: ``python tests/bench/combining.py``.

What is compared, and what the columns mean, is in docs/performance.md, where the tables are written to with the full sizes.
The peers are installed by ``tests/bench/peers``; those that are not there are named as missing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from combiners import in_memory, scaling, with_files
from combiners.data import Sizes, fill
from combiners.field import the_field
from combiners.goals import HEADS
from combiners.machine import described, load
from combiners.tables import Cells, Figures, put_between_markers

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
COMMAND = "python tests/bench/combining.py"
PEER_HEADS = (
    "combiner",
    "Mpix/s of input",
    "median",
    "least",
    "identical pixels",
    "greatest difference",
)
MEMORY_HEADS = (
    "frames",
    "planes / MiB",
    "most when combined / MiB",
    "most when written / MiB",
    "beside the planes / MiB",
    "",
)
GROWTH_HEADS = ("stack", "median / ms", "least / ms", "median, ns a sample", "least, ns a sample")


def measured(folder: Path, sizes: Sizes) -> list[Figures]:
    """Measure everything on the data of a folder."""
    asked: list[Cells] = []
    peers: list[Figures] = []
    with the_field(folder, sizes) as field:
        for group in in_memory.groups(sizes):
            found = field.take_turns(group.names, sizes.rounds)
            asked += [goal.row(found) for goal in group.goals]
            peers.append(Figures(group.title, PEER_HEADS, in_memory.rows(field, group, found, sizes)))
    found = with_files.raced(folder, sizes)
    asked += [goal.row(found) for goal in with_files.goals(sizes)]
    return [
        Figures("What is asked, and what was measured:", HEADS, asked),
        *peers,
        Figures("Resident memory, frames from disk:", MEMORY_HEADS, scaling.memory(folder, sizes)),
        Figures("Growth, clipped mean by median/std in memory:", GROWTH_HEADS, scaling.growth(sizes)),
    ]


def combining(console: Console, sizes: Sizes, page: Path | None = PAGE) -> None:
    """Measure, show, and write to the documentation."""
    before = load()
    with tempfile.TemporaryDirectory(prefix="calibrant-combining-") as name:
        folder = Path(name)
        fill(folder, sizes)
        tables = measured(folder, sizes)
    told = f"{described()}; load average {before} at the beginning, {load()} at the end. `{COMMAND}`, {sizes.rounds} rounds."
    console.print(told)
    for table in tables:
        console.print(table.for_console())
    if page is not None:
        put_between_markers(page, "\n\n".join([told, *(table.for_documentation() for table in tables)]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    whole = Sizes()
    parser.add_argument("--frames", type=int, default=whole.frames)
    parser.add_argument("--side", type=int, default=whole.side)
    parser.add_argument("--large", type=int, default=whole.large)
    parser.add_argument("--rounds", type=int, default=whole.rounds)
    parser.add_argument("--dry", action="store_true", help="leave the documentation as it is")
    words = vars(parser.parse_args())
    dry = words.pop("dry")
    combining(Console(width=160), Sizes(**words), None if dry else PAGE)
