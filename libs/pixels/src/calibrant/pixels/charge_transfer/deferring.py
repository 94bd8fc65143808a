"""What transfers do to an image: charge stays behind and arrives with later pixels, none is lost.

It owns the forward model of one direction; it must not know how it is inverted, nor where amplifiers lie.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.register_trap import RegisterTrap
from calibrant.pixels.charge_transfer.traps import Charge, Traps, held_behind


@dataclass(frozen=True)
class Transfers:
    """The transfers of one direction, and what goes wrong in them.

    Parameters
    ----------
    traps
        Species of traps, the same in all pixels.
    inefficiency
        Share of any charge that stays behind in each transfer (CTI).
    before
        Transfers of the first pixel less one: pixels of a prescan.
    places
        Most transfers that a pixel makes: where the image goes on into an overscan, its imaging pixels and prescan.
        None: no limit.
    passes
        How often what the traps do is computed anew, each time for an equal share of the transfers (ArCTIc's
        "express"): 1 is fastest, the number of transfers is exact.
    empty_first
        Whether a pixel finds the traps of the place where it was exposed empty. True conserves charge; False takes
        them for as full as all others, as ArCTIc does with ``empty_traps_for_first_transfers`` off.
    register_trap
        One more, which every pixel passes at the end.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    traps: tuple[Traps, ...] = ()
    inefficiency: float = 0.0
    before: int = 0
    places: int | None = None
    passes: int = 1
    empty_first: bool = True
    register_trap: RegisterTrap | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.inefficiency < 1:
            raise ValueError(f"transfers: inefficiency is {self.inefficiency}, must be from 0 to below 1")
        for name, least in (("before", 0), ("passes", 1), ("places", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"transfers: {name} is {value}, must be at least {least}")

    def counts(self, pixels: int) -> NDArray[np.int64]:
        """Give the number of transfers of each pixel of a line."""
        counts = np.arange(1, pixels + 1) + self.before
        return counts if self.places is None else np.minimum(counts, self.places)


def defer(charge: NDArray[Any], transfers: Transfers) -> Charge:
    """Let the charge of an image be transferred.

    Parameters
    ----------
    charge
        (pixels, lines), finite; the first axis in the order of readout.
    transfers
        Of this direction.

    Returns
    -------
    ndarray
        float64, of the same shape. With `empty_first`, its sum is that of `charge` less what would follow the last
        pixel.
    """
    image = np.array(charge, dtype=np.float64)
    counts = transfers.counts(len(image))
    if transfers.traps:
        share = math.ceil(counts[-1] / transfers.passes)
        for done in range(0, int(counts[-1]), share):
            image += _of_traps(image, np.clip(counts - done, 0, share)[:, None], transfers)
    if transfers.inefficiency:
        image = _left_behind(image, counts, transfers.inefficiency)
    if transfers.register_trap is not None:
        held = transfers.register_trap.held_behind(image)
        image -= held
        image[1:] += held[:-1]
    return image


def _of_traps(image: Charge, counts: NDArray[np.int64], transfers: Transfers) -> Charge:
    """Give what each pixel gains: what it finds in the traps, less what it leaves in them."""
    held = held_behind(image, transfers.traps)
    found = np.zeros_like(held)
    found[1:] = held[:-1]
    if transfers.empty_first:
        found[1:] *= counts[:-1]
        return found - counts * held
    return counts * (found - held)


def _left_behind(image: Charge, counts: NDArray[np.int64], inefficiency: float) -> Charge:
    """Spread each pixel over itself and those that follow."""
    on_time, *behind = shares_behind(counts, inefficiency)
    arrived: Charge = image * on_time[:, None]
    for late, share in enumerate(behind, start=1):
        arrived[late:] += (image * share[:, None])[: len(image) - late]
    return arrived


def shares_behind(counts: NDArray[np.int64], inefficiency: float) -> tuple[Charge, Charge, Charge, Charge]:
    """Give the shares of a pixel's charge that are late by 0, 1, 2 and 3 pixels, for each number of transfers.

    Failures before the last of so many successes: a negative binomial distribution. More than three count as three, so
    that the sum is 1.
    """
    stays = np.exp(counts * math.log1p(-inefficiency))
    once = counts * inefficiency * stays
    twice = once * (counts + 1) * inefficiency / 2
    return stays, once, twice, 1 - stays - once - twice
