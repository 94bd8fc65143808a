"""Collections: which types there are, what a name says of them, in which order a chain is searched; must not store any.

Names follow DMTN-222: ``INST/calib`` and ``INST/calib/TICKET`` are chains, ``INST/calib/TICKET/TAG/biasGen.20220915a``
and ``.../verifyBias.RERUN`` are runs, ``.../bias.RERUN`` and ``INST/calib/daily`` hold validity ranges. Any other name
may be any type.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from calibrant.rules.model import Frozen

DEEPEST = 32
"""How many chains may hold one another."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*")
_LONGEST = 256


class CollectionType(StrEnum):
    """What a collection holds."""

    RUN = "run"  # products, as a run made them
    TAGGED = "tagged"  # products that somebody put together
    CALIBRATION = "calibration"  # products, each over validity ranges
    CHAINED = "chained"  # other collections, searched in order


_TICKET = r"[^/]+/calib/[A-Z]+-[0-9]+"
_SCHEME = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"[^/]+/calib", CollectionType.CHAINED),
        (r"[^/]+/calib/daily", CollectionType.CALIBRATION),
        (_TICKET, CollectionType.CHAINED),
        (rf"{_TICKET}/[^/]+/[A-Za-z]+Gen\.[0-9]{{8}}[a-z]*", CollectionType.RUN),
        (rf"{_TICKET}/[^/]+/verify[A-Za-z]+\.[^/]+", CollectionType.RUN),
        (rf"{_TICKET}/[^/]+/[A-Za-z]+\.[^/]+", CollectionType.CALIBRATION),
    )
)


class Collection(Frozen):
    """A collection; ``members`` are those of a chain, the first searched first."""

    name: str
    type: CollectionType = CollectionType.CALIBRATION
    members: tuple[str, ...] = ()


class ChainRefused(ValueError):
    """A chain leads back to itself or goes too deep; the text names the way."""


def name_fault(name: str, kind: CollectionType | None = None) -> str:
    """Say what is wrong with a collection's name, or with the name for its type; empty: nothing.

    Parameters
    ----------
    name : str
        The name.
    kind : CollectionType or None
        What the collection holds; None: not asked.

    Examples
    --------
    >>> name_fault("LATISS/calib/DM-12345/voltageChange/biasGen.20220915a", CollectionType.RUN)
    ''
    >>> name_fault("LATISS/calib", CollectionType.CALIBRATION)
    "by its name 'LATISS/calib' is a chained collection, not a calibration one; choose another name"
    """
    if len(name) > _LONGEST or _NAME.fullmatch(name) is None:
        return (
            f"collection {name[:_LONGEST]!a} is no name; use letters, digits and ._+- in parts joined by /, as in "
            "simcam/calib/daily"
        )
    said = next((kind_ for pattern, kind_ in _SCHEME if pattern.fullmatch(name)), None)
    if kind is None or said is None or kind is said:
        return ""
    return f"by its name {name!r} is a {said} collection, not a {kind} one; choose another name"


def search_order(name: str, known: Mapping[str, Collection]) -> tuple[Collection, ...]:
    """Give the collections that a look-up goes through, those of chains in their place, none twice.

    Parameters
    ----------
    name : str
        Where the look-up begins.
    known : mapping of str to Collection
        The collections by name; one that is not there holds validity ranges.

    Raises
    ------
    ChainRefused
        A chain leads back to itself, or goes too deep.
    """
    found: dict[str, Collection] = {}
    _search(name, known, (), found)
    return tuple(found.values())


def _search(
    name: str, known: Mapping[str, Collection], path: tuple[str, ...], found: dict[str, Collection]
) -> None:
    here = known.get(name, Collection(name=name))
    if here.type is not CollectionType.CHAINED:
        found.setdefault(name, here)
        return
    way = (*path, name)
    if name in path:
        raise ChainRefused(f"the chain leads back to itself: {' > '.join(way)}; leave one of them out")
    if len(way) > DEEPEST:
        raise ChainRefused(f"chains hold one another more than {DEEPEST} deep: {way[0]} > ... > {way[-1]}")
    for member in here.members:
        _search(member, known, way, found)


def check_chain(name: str, members: Sequence[str], known: Mapping[str, Collection]) -> None:
    """Make sure that a chain may be made, or given other members.

    Raises
    ------
    ChainRefused
        It would lead back to itself or go too deep, names a member twice, or one that there is not.
    """
    for number, member in enumerate(members):
        if member in members[:number]:
            raise ChainRefused(f"the chain {name} names {member} twice; name it once, where it is searched")
        if member not in known and member != name:
            raise ChainRefused(f"there is no collection {member}: make it first, or leave it out of {name}")
    wished = {**known, name: Collection(name=name, type=CollectionType.CHAINED, members=tuple(members))}
    for one in (name, *wished):  # a chain above may go too deep now
        search_order(one, wished)
