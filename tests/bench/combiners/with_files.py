"""Large frames from disk: whole processes against each other, and the very first start."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from combiners import programs
from combiners.data import Sizes
from combiners.goals import Goal
from combiners.programs import Program
from combiners.rounds import Contestant, Times, take_turns

FIRST = "Calibrant, very first start"


def raced(folder: Path, sizes: Sizes) -> Times:
    """Let whole processes take turns on the large files, which are in memory when they begin."""
    files = sorted((folder / "large").glob("*.fits"))
    for path in files:
        path.read_bytes()
    engine = Program(folder / "engine", partial(programs.ours, files=files))
    runners: dict[str, Contestant] = {
        "Calibrant": engine.run,
        FIRST: partial(_first_start, folder, files),
        "siril": Program(folder / "siril", partial(programs.siril, files=files)).run,
        "ccdproc.combine": Program(folder / "ccdproc", partial(programs.ccdproc, files=files)).run,
    }
    return take_turns(runners, sizes.rounds, warm=True)


def goals(sizes: Sizes) -> list[Goal]:
    """Return what is asked of whole processes."""
    what = f"{sizes.frames} x {sizes.large}^2, FITS files in and out, whole process"
    return [
        Goal(what, "Calibrant", "siril", 2),
        Goal(what, "Calibrant", "ccdproc.combine", 8),
        Goal(f"{what}, very first start", FIRST, "ccdproc.combine", 1),
    ]


def _first_start(folder: Path, files: Sequence[Path]) -> float:
    """Run with nothing kept from earlier runs: no compiled Python, no cache in the home folder."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        new = Path(name)
        kept = {"PYTHONPYCACHEPREFIX": str(new / "pycache"), "XDG_CACHE_HOME": str(new / "cache")}
        return Program(new / "first", partial(programs.ours, files=files), kept).run()
