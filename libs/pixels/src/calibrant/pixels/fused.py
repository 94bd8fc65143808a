"""Raw frames into one: the steps of a signature and the combination in one pass over the raw rows.

It owns how corrected rows are made as a combination asks for them, so that no frame is ever held as a whole. It must
not know how a step is computed, how samples are rejected, or where raw rows come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypedDict, Unpack

from calibrant.pixels.choosing import BackendName
from calibrant.pixels.clipping import Center, Clip, Spread
from calibrant.pixels.combine import combine
from calibrant.pixels.corrected import CorrectedFrame, CorrectedStack
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.mask import Mask
from calibrant.pixels.numbers import Measured, Numbers, gather_numbers
from calibrant.pixels.plan import FEWEST_FOR_SCATTER, Combined, RawFrames, Statistic
from calibrant.pixels.rows import Stack, checked_stack
from calibrant.pixels.signature import Signature, Terms
from calibrant.pixels.threads import side_by_side, thread_count

TILE_BYTES: Final = 16 * 2**20
"""Default of the tile's working memory: a tile costs some calls for each frame, whatever its size."""


class Options(TypedDict, total=False):
    """The options of :func:`calibrant.pixels.combine` that a combination of raw frames takes."""

    statistic: Statistic
    center: Center
    spread: Spread
    sigma: float
    sigma_low: float | None
    sigma_high: float | None
    iterations: int | None
    clip: Clip
    reject_low: int
    reject_high: int
    ignore: Mask
    backend: BackendName
    threads: int | None
    tile_bytes: int


@dataclass(frozen=True, eq=False, slots=True)
class CombinedRaw:
    """What raw frames combine to.

    Parameters
    ----------
    combined
        The planes, in the unit of the signature.
    overscan
        What the overscans of each frame say, by amplifier.
    """

    combined: Combined
    overscan: tuple[Measured, ...]


def combine_raw(
    frames: Stack,
    geometry: Geometry,
    signature: Signature,
    terms: Sequence[Terms] | None = None,
    *,
    numbers: Numbers | None = None,
    **options: Unpack[Options],
) -> CombinedRaw:
    """Remove the signature of raw frames and combine them, as :func:`correct_frame` and :func:`combine` do, bit for bit.

    The overscans are measured first, in a pass over their rows. Then raw rows are read, taken through the steps and
    combined, tile by tile, so that memory does not grow with the number of frames. With a barrier that reaches over
    the whole frame all frames are corrected first, and memory holds them all.

    Parameters
    ----------
    frames
        N raw frames in ADU of the geometry's raw shape: arrays or :class:`RowSource`.
    geometry
        The detector.
    signature
        What is removed from each.
    terms
        What differs from frame to frame; needed with a dark.
    numbers
        What :func:`calibrant.pixels.frame_levels` gathered of the same frames, with the same geometry and signature:
        their overscans are not measured again.
    **options
        Of :func:`calibrant.pixels.combine`.

    Returns
    -------
    CombinedRaw
        Planes of the geometry's shape, and what was measured on the way.

    Raises
    ------
    ValueError
        When shapes, types or options make no sense, a number or calibration is missing, or no pixel has a good
        sample; the message names frame, amplifier or calibration.
    """
    if odd := sorted(options.keys() - Options.__annotations__.keys()):
        raise TypeError(
            f"combine_raw: no option {', '.join(odd)}; masks and variances are those of the frames as they are "
            "corrected, scales and weights stand in terms"
        )
    sources = checked_stack("frames", frames, "iuf")
    if sources[0].shape != geometry.raw_shape:
        raise ValueError(f"frames: shape {sources[0].shape}, but the geometry says {geometry.raw_shape}")
    if terms is None:
        terms = [Terms()] * len(sources)
    if len(terms) != len(sources):
        raise ValueError(f"terms: {len(terms)}, but there are {len(sources)} frames; give one for each")
    if numbers is None:
        numbers = gather_numbers(sources, geometry, signature, terms, threads=options.get("threads"))
    else:
        numbers = _shared(numbers, geometry, signature).with_terms(terms)
    noise = len(sources) < FEWEST_FOR_SCATTER
    corrected = side_by_side(
        lambda index: CorrectedFrame(index, sources[index], numbers, noise=noise),
        range(len(sources)),
        thread_count(options.get("threads")) if signature.reach is None else 1,
    )
    options.setdefault("tile_bytes", TILE_BYTES)
    combined = combine(
        CorrectedStack(corrected, RawFrames(sources, numbers)),
        weights=numbers.weights.tolist() if options.get("statistic") == "weighted-mean" else None,
        **options,
    )
    return CombinedRaw(combined, numbers.measured)


def _shared(numbers: Numbers, geometry: Geometry, signature: Signature) -> Numbers:
    if numbers.geometry is not geometry or numbers.signature is not signature:
        raise ValueError(
            "numbers: are of another geometry or signature; give the objects they were gathered with"
        )
    return numbers
