"""Looking up all calibrations of a whole exposure at once, among a million ranges in force; on a ledger that is filled.

Owns the rounds. ``validity`` fills the ledger and shows the table.
"""

from __future__ import annotations

import random
import statistics
import time

from calibrant.certify.store import CertifyQueries
from calibrant.runtime.database import Database

ROUNDS = 30


def exposures_ms(
    database: Database, kinds: list[str], detectors: range, instants_ns: range, *, past: bool = False
) -> tuple[float, float, float]:
    """Return median, least and most of a whole exposure's look-up, in ms.

    Parameters
    ----------
    database : Database
        With the ledger.
    kinds, detectors
        Every one of the kinds for every one of the detectors.
    instants_ns : range
        Where the exposures lie, TAI ns; a range holds each.
    past : bool
        Ask as of a moment after the last line: by way of the ledger.
    """
    chance, seconds = random.Random(1), []
    for _ in range(3 if past else ROUNDS):
        begun = time.perf_counter()
        with database.reading() as session:
            answer = CertifyQueries(session).exposure(
                instrument="bench",
                detectors=detectors,
                kinds=kinds,
                at_tai_ns=chance.choice(instants_ns),
                as_of_tai_ns=2**62 if past else None,
            )
        seconds.append(time.perf_counter() - begun)
        assert len(answer["calibrations"]) == len(kinds) * len(detectors)
    return statistics.median(seconds) * 1e3, min(seconds) * 1e3, max(seconds) * 1e3
