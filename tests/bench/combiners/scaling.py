"""What more frames and larger ones cost the engine: memory and time. Every size is a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from combiners import programs
from combiners.data import Sizes
from combiners.tables import Cells, seconds
from combiners.workers import BENCH

LISTED = (20, 50, 100, 200)
NUMBERS = (5, 10, 20, 50, 100, 200)
MOST_BESIDE_MIB = 300.0


def _told(command: Sequence[str]) -> Any:
    done = subprocess.run(command, cwd=BENCH, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def memory(folder: Path, sizes: Sizes) -> list[Cells]:
    """Tell what a process has in memory at most, beside its results, for more and more frames."""
    files = sorted((folder / "large").glob("*.fits"))
    rows = []
    for number in LISTED:
        listed = [files[n % len(files)] for n in range(number)]
        told = _told(programs.ours(folder, listed))
        beside = told["combined_mib"] - told["planes_mib"]
        figures = (told[name] for name in ("planes_mib", "combined_mib", "written_mib"))
        verdict = "met" if beside <= MOST_BESIDE_MIB else "missed"
        rows.append((str(number), *(f"{one:,.0f}" for one in figures), f"{beside:,.0f}", verdict))
    return rows


def growth(sizes: Sizes) -> list[Cells]:
    """Tell how long a sample takes, for more frames and for larger ones, and that to the first of either kind."""
    by_number = [(count, sizes.side // 2) for count in NUMBERS]
    by_extent = [(sizes.frames, sizes.large // part) for part in (8, 4, 2, 1)]
    return [*_grown(by_number, sizes.rounds), *_grown(by_extent, sizes.rounds)]


def _grown(stacks: Sequence[tuple[int, int]], rounds: int) -> list[Cells]:
    rows, first = [], None
    for count, side in stacks:
        taken = _told([sys.executable, "-m", "combiners.growing", *map(str, (count, side, rounds))])
        figures = statistics.median(taken), min(taken)
        each_ns = [1e9 * one / (count * side**2) for one in figures]
        first = first or each_ns
        ratios = [one / other for one, other in zip(each_ns, first, strict=True)]
        told = [
            *map(seconds, figures),
            *(f"{one:.3f}" for one in each_ns),
            f"{ratios[0]:.2f} ({ratios[1]:.2f})",
        ]
        rows.append((f"{count} x {side}^2", *told))
    return rows
