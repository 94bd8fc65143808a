"""The names that a look-up is asked with: what an instrument has where none are given, and which are none.

What is misspelt looks like a calibration that is missing, so that an answer without one says so. Knows the instrument's
file; of the register it asks for its collections alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from calibrant.certify.changes import Refused
from calibrant.certify.store import CertifyQueries
from calibrant.frames.instrument import InstrumentError, named_instrument
from calibrant.rules.ledger import FILTER_KINDS


class Named(NamedTuple):
    """The names of a look-up; none given: all that the instrument has."""

    instrument: str
    kinds: Sequence[str] | None = None
    detectors: Sequence[int] | None = None
    collection: str | None = None
    filter: str | None = None
    as_of_tai_ns: int | None = None


def place_of(instrument: str, folder: Path, collection: str | None) -> str | None:
    """Return the collection that is asked of: the one that is named, or the instrument's; None: its file is not known."""
    if collection:
        return collection
    try:
        return named_instrument(instrument, folder).daily_collection
    except InstrumentError:
        return None


def whole_of(
    instrument: str,
    folder: Path,
    kinds: Sequence[str] | None,
    detectors: Sequence[int] | None,
    *,
    on_request: bool = False,
) -> tuple[list[str], list[int]]:
    """Return kinds and detectors, where they are not named all that the instrument has.

    Of kinds those that are usually made, and those made on request only where it is asked for.

    Raises
    ------
    Refused
        They are not named, and the instrument is not known.
    """
    if kinds and detectors:
        return list(kinds), list(detectors)
    try:
        known = named_instrument(instrument, folder)
    except InstrumentError as problem:
        raise Refused(f"instrument {problem}; or name kinds and detectors") from problem
    every = [rule.kind for rule in known.rule_set().rules if on_request or not rule.on_request]
    return list(kinds or every), list(detectors or (one.id for one in known.detectors))


def unknown_names(register: CertifyQueries, folder: Path, asked: Named) -> list[str]:
    """Say which names are none, and what there is; empty where all are known.

    Parameters
    ----------
    register : CertifyQueries
        The register.
    folder : Path
        Folder with instrument files beside those that come along.
    asked : Named
        The names.
    """
    try:
        kinds, detectors = whole_of(asked.instrument, folder, None, None, on_request=True)
    except Refused as problem:
        return [str(problem)]
    notes = [
        f"{asked.instrument} has no {what} {one}: it has {', '.join(map(str, known))}"
        for what, names, known in (("kind", asked.kinds, kinds), ("detector", asked.detectors, detectors))
        for one in names or ()
        if one not in known
    ]
    if asked.collection and register.collection(asked.collection, asked.as_of_tai_ns) is None:
        notes.append(
            f"there is no collection {asked.collection}; `calibrant calibrations collections list` shows them"
        )
    if asked.filter is None and FILTER_KINDS & set(asked.kinds or kinds):
        notes.append(
            f"without a filter no {' or '.join(sorted(FILTER_KINDS))} is found that was taken in one"
        )
    return notes
