"""Whole processes: files in, a FITS file out. What each is told, and how its result is read.

Owns their command lines. All clip at 3 sigma by their own rule, without scaling, with as many threads as they take.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from combiners.places import peers_python, program
from combiners.rounds import MissingError
from combiners.workers import BENCH

PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Program:
    """A command that combines files.

    Parameters
    ----------
    folder
        Its own, where it may leave what it likes; its result is ``out.fits``.
    command
        Makes the command, from the folder.
    environment
        Variables that it needs.
    full_scale
        What its values are to be multiplied by to be ADU.
    """

    folder: Path
    command: Callable[[Path], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    full_scale: float = 1.0

    def run(self) -> float:
        """Combine; return the seconds of the whole process.

        Raises
        ------
        MissingError
            When it is not here, fails or writes nothing.
        """
        self.folder.mkdir(exist_ok=True)
        out = self.folder / "out.fits"
        out.unlink(missing_ok=True)
        command = self.command(self.folder)
        environment = {**os.environ, "HOME": str(self.folder), **self.environment}
        begun_s = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                cwd=BENCH,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except OSError as problem:
            raise MissingError(f"{command[0]} cannot be run: {problem.strerror}") from problem
        seconds = time.perf_counter() - begun_s
        if done.returncode or not out.exists():
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise MissingError(f"it failed: {said[-1] if said else f'exit code {done.returncode}'}")
        return seconds

    def image(self) -> NDArray[np.float64]:
        """Return the image that it wrote last, in ADU."""
        with fits.open(self.folder / "out.fits") as file:
            unit: Any = next(one for one in file if one.data is not None)
            return np.asarray(unit.data, dtype=np.float64) * self.full_scale


def siril(folder: Path, files: Sequence[Path]) -> list[str]:
    """Stack a sequence of 32-bit floats with sigma rejection."""
    script = folder / "stack.ssf"
    script.write_text(
        "requires 1.0.0\nsetext fits\nset32bits\n"
        f"cd {files[0].parent}\nstack frame_ rej s 3 3 -nonorm -out={folder / 'out.fits'}\n"
    )
    return [program("siril-cli"), "-s", str(script)]


def iraf(folder: Path, files: Sequence[Path]) -> list[str]:
    """Combine with IRAF's imcombine, its scatter too."""
    (folder / "list").write_text("".join(f"{path}\n" for path in files))
    (folder / "sigma.fits").unlink(missing_ok=True)
    script = folder / "combine.cl"
    script.write_text(
        "images\nimmatch\n"
        f'imcombine ("@{folder / "list"}", "{folder / "out.fits"}", combine="average", reject="sigclip", '
        'lsigma=3., hsigma=3., mclip=yes, scale="none", zero="none", weight="none", offsets="none", '
        f'sigmas="{folder / "sigma.fits"}", logfile="")\nlogout\n'
    )
    return [program("irafcl"), "-f", str(script)]


def gnuastro(folder: Path, files: Sequence[Path]) -> list[str]:
    """Combine with Gnuastro's arithmetic, five iterations."""
    words = [str(len(files)), "3", "5", "sigclip-mean"]
    return [
        program("astarithmetic"),
        *map(str, files),
        "-g0",
        *words,
        f"--output={folder / 'out.fits'}",
        "-q",
    ]


def ccdproc(folder: Path, files: Sequence[Path]) -> list[str]:
    """Combine with ccdproc.combine."""
    return [peers_python(), "-m", "combiners.theirs_files", str(folder / "out.fits"), *map(str, files)]


def ours(folder: Path, files: Sequence[Path]) -> list[str]:
    """Combine with the engine."""
    return [sys.executable, "-m", "combiners.ours_files", str(folder / "out.fits"), *map(str, files)]
