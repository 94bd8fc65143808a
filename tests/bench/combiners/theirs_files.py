"""Files in, FITS with checksums out, with ccdproc.combine. ``python -m combiners.theirs_files OUT FILE...``.

Runs in the peers' virtual environment.
"""

from __future__ import annotations

import sys
import warnings

import ccdproc


def main(out: str, files: list[str]) -> None:
    """Combine by the quickest way that it knows: functions by name, not as callables."""
    combined = ccdproc.combine(
        files,
        unit="adu",
        method="average",
        sigma_clip=True,
        sigma_clip_low_thresh=3,
        sigma_clip_high_thresh=3,
        sigma_clip_func="median",
        sigma_clip_dev_func="std",
    )
    combined.to_hdu().writeto(out, checksum=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], sys.argv[2:])
