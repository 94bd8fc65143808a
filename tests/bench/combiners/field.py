"""Everybody who combines the frames in memory or reads the same frames from files: who they are, how they are asked.

Must not know who is compared with whom.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from combiners import programs
from combiners.compiled import compile_c
from combiners.data import Sizes
from combiners.places import peers_python
from combiners.programs import Program
from combiners.rounds import Contestant, Times, take_turns
from combiners.workers import Worker

LIBRARIES = ("-lcplcore", "-lm")
PYTHON_PEERS = ("ccdproc", "astropy", "bottleneck", "imcombiners", "numpy")


@dataclass(frozen=True, slots=True)
class Field:
    """Everybody who takes part: processes that answer, and programs."""

    folder: Path
    workers: dict[str, Worker]
    programs: dict[str, Program]

    def contestant(self, name: str) -> Contestant:
        """Return somebody by name."""
        if name in self.programs:
            return self.programs[name].run
        return partial(self._worker(name).seconds, name)

    def take_turns(self, names: Sequence[str], rounds: int) -> Times:
        """Let some of them take turns, once each has shown its image."""
        return take_turns({name: self.contestant(name) for name in names}, rounds, warm=True)

    def image(self, name: str) -> NDArray[np.float64]:
        """Let somebody combine; return what it makes of the frames, in ADU.

        Raises
        ------
        MissingError
            When it makes nothing.
        """
        if name in self.programs:
            self.programs[name].run()
            return self.programs[name].image()
        saved = self.folder / "result.npy"
        self._worker(name).seconds(name, saved)
        if name.startswith("CPL"):
            return np.fromfile(saved, np.float32).astype(np.float64)
        image: NDArray[np.float64] = np.load(saved)
        return image

    def _worker(self, name: str) -> Worker:
        return self.workers.get(name.partition(" ")[0], self.workers["Calibrant"])


@contextmanager
def the_field(folder: Path, sizes: Sizes) -> Iterator[Field]:
    """Start everybody on the frames of a folder; end them afterwards."""
    files = sorted((folder / "files").glob("*.fits"))
    made = {
        "siril": Program(folder / "siril", partial(programs.siril, files=files), full_scale=65535),
        "IRAF imcombine": Program(folder / "iraf", partial(programs.iraf, files=files)),
        "gnuastro sigclip-mean": Program(folder / "gnuastro", partial(programs.gnuastro, files=files)),
    }
    with (
        Worker(lambda: [sys.executable, "-m", "combiners.ours", str(folder)]) as engine,
        Worker(lambda: [peers_python(), "-m", "combiners.theirs", str(folder)]) as peers,
        Worker(partial(_cpl, folder, sizes)) as library,
    ):
        workers = {"Calibrant": engine, "CPL": library}
        workers |= dict.fromkeys(PYTHON_PEERS, peers)
        yield Field(folder, workers, made)


def _cpl(folder: Path, sizes: Sizes) -> list[str]:
    made = compile_c("cpl.c", folder / "cpl", *LIBRARIES)
    return [str(made), str(folder / "stack.u16"), str(sizes.frames), str(sizes.side)]
