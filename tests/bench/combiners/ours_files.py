"""Files in, FITS with checksums out, with the engine. ``python -m combiners.ours_files OUT FILE...``.

Tells as JSON the MiB of the planes, and the most that this process has had in memory when they were combined and when
they were written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from calibrant.frames.writing.fits_bytes import fits_bytes
from calibrant.pixels import combine


def resident_mib() -> float:
    """Return the most that this process has had in memory, in MiB (as it is since exec, not before)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell what a process has in memory")


def main(out: Path, files: list[str]) -> None:
    """Combine and write all four planes."""
    combined = combine([fits.getdata(name) for name in files])
    told = {"combined_mib": resident_mib()}
    planes = (combined.data, combined.variance, combined.count.view(np.int32), combined.mask.view(np.int32))
    hdus: list[Any] = [fits.PrimaryHDU(), *(fits.ImageHDU(plane) for plane in planes)]
    out.write_bytes(fits_bytes(hdus))
    told |= {"written_mib": resident_mib(), "planes_mib": sum(plane.nbytes for plane in planes) / 2**20}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
