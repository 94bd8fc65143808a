"""Files in, FITS with checksums out, with the engine. ``python -m combiners.ours_files OUT FILE...``.

Tells as JSON the MiB of the planes, and the most that this process has had in memory when they were combined and when
they were written.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from calibrant.frames.reading.container import open_content
from calibrant.frames.reading.hdus import walk
from calibrant.frames.reading.keeping import in_folder
from calibrant.frames.reading.rows import stored_rows
from calibrant.frames.writing.fits_bytes import write_fits
from calibrant.pixels import RowSource, combine

MOST_BYTES = 1 << 32


def resident_mib() -> float:
    """Return the most that this process has had in memory, in MiB (as it is since exec, not before)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell what a process has in memory")


def rows_of(path: Path, scratch: Path, opened: ExitStack) -> RowSource:
    """Open the first image of a file."""
    keep = in_folder(scratch, opened)
    content = open_content(path, MOST_BYTES, keep, opened)
    unit = next(one for one in walk(content) if one.axes)
    rows, columns = unit.axes
    return stored_rows(content, unit, (rows, columns), keep)


def main(out: Path, files: list[str]) -> None:
    """Combine and write all four planes."""
    with ExitStack() as opened:
        combined = combine([rows_of(Path(name), out.parent, opened) for name in files])
    told = {"combined_mib": resident_mib()}
    planes = (combined.data, combined.variance, combined.count.view(np.int32), combined.mask.view(np.int32))
    hdus: list[Any] = [fits.PrimaryHDU(), *(fits.ImageHDU(plane) for plane in planes)]
    with out.open("wb") as stream:
        write_fits(stream, hdus)
    told |= {"written_mib": resident_mib(), "planes_mib": sum(plane.nbytes for plane in planes) / 2**20}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
