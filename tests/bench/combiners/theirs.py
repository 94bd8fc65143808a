"""The Python peers in memory: ccdproc, astropy, bottleneck and imcombiners. Runs in the peers' virtual environment.

``python -m combiners.theirs FOLDER``. Every job is what its package's documentation shows for it, with 3 sigma.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from combiners.serving import Job, serve
from combiners.theirs_chain import chain

ITERATIONS = 3


def ccdproc_combiner(stack: Any, spread: str) -> Any:
    """Clip once and average with a `Combiner`, which also gives the scatter; it refuses to be told of iterations."""
    import ccdproc  # noqa: PLC0415  a package that is missing spoils its own jobs alone

    combiner = ccdproc.Combiner([ccdproc.CCDData(frame, unit="adu") for frame in stack])
    combiner.sigma_clipping(low_thresh=3, high_thresh=3, func="median", dev_func=spread)
    return combiner.average_combine()


def astropy_clip(stack: Any, spread: str) -> Any:
    """Clip along the frames and average what is left."""
    from astropy.stats import sigma_clip  # noqa: PLC0415

    clipped = sigma_clip(
        stack, sigma=3, maxiters=ITERATIONS, cenfunc="median", stdfunc=spread, axis=0, masked=False
    )
    return np.nanmean(clipped, axis=0)


def bottleneck_median(stack: Any) -> Any:
    """Take the median of each pixel: no clipping at all."""
    import bottleneck  # noqa: PLC0415

    return bottleneck.nanmedian(stack, axis=0)


def imcombiners_std(stack: Any) -> Any:
    """Clip and average with compiled kernels; the deviation is about the mean, as the rule says, not its own choice."""
    import imcombiners  # noqa: PLC0415

    rejector = imcombiners.SigClip(sigma=3, maxiters=ITERATIONS, clip_cen="mean")
    return imcombiners.Combiner(stack, copy=False).combine("mean", rejectors=rejector, diagnostics=None)


def imcombiners_mad(stack: Any) -> Any:
    """Clip by the median deviation and average, in two steps: in one step the package takes the standard deviation."""
    import imcombiners  # noqa: PLC0415

    rejector = imcombiners.SigClip(sigma=3, maxiters=ITERATIONS, stdfunc="mad")
    return imcombiners.Combiner(stack, copy=False).reject(rejector).combine("mean")


def jobs(folder: Path) -> dict[str, Job]:
    """Return what this process can be asked for."""
    stack = np.load(folder / "stack.npy")
    return {
        "ccdproc std": partial(ccdproc_combiner, stack, "std"),
        "ccdproc MAD": partial(ccdproc_combiner, stack, "mad_std"),
        "ccdproc chain": partial(chain, folder),
        "astropy std": partial(astropy_clip, stack, "std"),
        "astropy MAD": partial(astropy_clip, stack, "mad_std"),
        "imcombiners std": partial(imcombiners_std, stack),
        "imcombiners MAD": partial(imcombiners_mad, stack),
        "bottleneck median": partial(bottleneck_median, stack),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # means of pixels without samples and the like are no news here
    serve(jobs(Path(sys.argv[1])))
