"""Which collections a run certifies into and takes calibrations from; must not know what is in them."""

from collections.abc import Iterator

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.ledger import daily_collection


def collection_of(request: RunRequested) -> str:
    """Return the collection that a run certifies into, and takes calibrations from where it names no other."""
    return request.collection or daily_collection(request.instrument)


def searched_for(request: RunRequested, kind: str, *, builds: bool) -> tuple[str, ...]:
    """Return the collections that calibrations for a kind are looked up in, the first one first.

    Parameters
    ----------
    request : RunRequested
        May name some for the kind.
    kind : str
        Kind that is made or verified.
    builds : bool
        Whether it is made: then what the run itself certifies goes first. Else the collections are those of what
        its frames are verified against.
    """
    own = (collection_of(request),)
    if builds:
        return tuple(dict.fromkeys((*own, *_split(request.input_collections.get(kind, "")))))
    return tuple(_split(request.verify_collections.get(kind, ""))) or own


def all_searched(request: RunRequested) -> tuple[str, ...]:
    """Return all collections that a run may look something up in."""
    named = (*request.input_collections.values(), *request.verify_collections.values())
    return tuple(dict.fromkeys((collection_of(request), *(name for one in named for name in _split(one)))))


def _split(text: str) -> Iterator[str]:
    return (name.strip() for name in text.split(",") if name.strip())
