"""Looking up which calibration applies, among a million ranges in force, beside the bare statement on the same data.

Then all calibrations of a whole exposure at once.

Alone: ``python tests/bench/validity.py``. PostgreSQL is measured where its programs are installed.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exposures import exposures_ms
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

import calibrant.certify
from calibrant.certify.store import look_up
from calibrant.contracts.common.v1 import DataRef, Product, TimeRange
from calibrant.runtime.database import Database
from calibrant.runtime.testing import postgres

RANGES = 1_000_000
DETECTORS = 189
KINDS = 6
ROUNDS = 5
QUESTIONS = 2000
NIGHT_NS = 86_400_000_000_000
FIRST_NS = 1_767_225_637_000_000_000  # 2026-01-01T00:00:00 UTC
AT_ONCE = 50_000
COLLECTION = "bench/calib/daily"
MIGRATIONS = Path(calibrant.certify.__file__).parent / "migrations"
PRODUCT = Product(
    product_id="bias-1",
    kind="bias",
    instrument="bench",
    detector=0,
    ref=DataRef(uri="objects:products/b.fits", sha256="0" * 64, size_bytes=1, media_type="image/fits"),
    unit="electron",
    per_second=False,
    inputs=10,
    observed=TimeRange(),
)

# Detector by detector, kind by kind, night after night: as they come into a ledger.
_NUMBERED = """
WITH RECURSIVE numbers(i) AS (SELECT CAST(:first AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < :last)
"""
_SUBJECT = f"'{COLLECTION}', 'kind-' || (i / {DETECTORS} % {KINDS}), 'bench', i % {DETECTORS}"
_BEGIN = f"{FIRST_NS} + i / {DETECTORS * KINDS} * {NIGHT_NS}"
LINES = f"""
INSERT INTO certify_entry (collection, kind, instrument, detector, sequence, certification_id, action, product_id,
    product, begin_tai_ns, end_tai_ns, recorded_tai_ns, report_id, requested_by, reason, job_id, run_id)
{_NUMBERED}
SELECT {_SUBJECT}, i + 1, 'cert-' || i, 'certify', 'product-' || i,
    :product, {_BEGIN}, {_BEGIN} + {NIGHT_NS}, {FIRST_NS} + i, 'r', 'p', 'w', 'j', 'u' FROM numbers
"""
IN_FORCE = f"""
INSERT INTO certify_in_force (collection, kind, instrument, detector, sequence, product_id, filter,
    begin_tai_ns, end_tai_ns)
{_NUMBERED}
SELECT {_SUBJECT}, i + 1, 'product-' || i, '', {_BEGIN}, {_BEGIN} + {NIGHT_NS} FROM numbers
"""
BARE = """
SELECT e.certification_id, f.begin_tai_ns, f.end_tai_ns
FROM certify_in_force f JOIN certify_entry e ON e.sequence = f.sequence
WHERE f.collection = ? AND f.instrument = ? AND f.kind = ? AND f.detector = ? AND f.filter = ''
AND coalesce(f.begin_tai_ns, CAST(-9223372036854775808 AS BIGINT)) <= ?
ORDER BY coalesce(f.begin_tai_ns, CAST(-9223372036854775808 AS BIGINT)) DESC LIMIT 1
"""


def fill(database: Database) -> None:
    """Make the ledger and the ranges in force; the database checks each as ever."""
    database.migrate([MIGRATIONS])
    product = PRODUCT.to_json().decode()
    for first in range(0, RANGES, AT_ONCE):
        numbers = {"first": first, "last": min(first + AT_ONCE, RANGES) - 1}
        with database.writing() as session:
            session.execute(text(LINES), numbers | {"product": product})
            session.execute(text(IN_FORCE), numbers)
    with database.writing() as session:
        session.execute(text("ANALYZE"))


def questions(seed: int) -> list[tuple[str, int, int]]:
    """Return kinds, detectors and instants, at random; a range holds each."""
    chance = random.Random(seed)
    nights = RANGES // (DETECTORS * KINDS)
    return [
        (
            f"kind-{chance.randrange(KINDS)}",
            chance.randrange(DETECTORS),
            FIRST_NS + chance.randrange(nights * NIGHT_NS),
        )
        for _ in range(QUESTIONS)
    ]


def through_the_service(database: Database) -> Callable[[str, int, int], None]:
    """Return the look-up as the service answers it: a transaction, the query, the answer in words."""

    def ask(kind: str, detector: int, at_tai_ns: int) -> None:
        answer = look_up(database, instrument="bench", detector=detector, kind=kind, at_tai_ns=at_tai_ns)
        assert answer["outcome"] == "found"

    return ask


@contextmanager
def bare(database: Database) -> Iterator[Callable[[str, int, int], None]]:
    """Give the look-up as one statement of the driver in an open transaction."""
    statement = BARE if database.url.startswith("sqlite") else BARE.replace("?", "%s")
    with database.reading() as session:
        driver: Any = session.connection().connection.driver_connection
        cursor = driver.cursor()

        def ask(kind: str, detector: int, at_tai_ns: int) -> None:
            cursor.execute(statement, (COLLECTION, "bench", kind, detector, at_tai_ns))
            assert len(cursor.fetchall()) == 1

        yield ask


def percentiles_ms(ask: Callable[[str, int, int], None], seed: int) -> tuple[float, float]:
    """Return the 50th and 99th percentile of a round of look-ups, in ms."""
    seconds = []
    for question in questions(seed):
        begun = time.perf_counter()
        ask(*question)
        seconds.append(time.perf_counter() - begun)
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1e3, cuts[98] * 1e3


def measured(name: str, database: Database) -> list[str]:
    """Return the table's row for a database: percentiles of the median round, and the quietest round's."""
    rounds = []
    for seed in range(ROUNDS + 1):
        own = percentiles_ms(through_the_service(database), seed)
        with bare(database) as ask:
            rounds.append((own, percentiles_ms(ask, seed)))
    row = [name]
    for which in range(2):
        middle, high = zip(*(pair[which] for pair in rounds[1:]), strict=True)  # the first one warms up
        row += [f"{statistics.median(middle):.2f}", f"{statistics.median(high):.2f}", f"{min(high):.2f}"]
    return row


def whole(name: str, database: Database) -> list[str]:
    """Return the table's row for a database, of whole exposures: now, and by way of the ledger."""
    kinds = [f"kind-{number}" for number in range(KINDS)]
    nights = RANGES // (DETECTORS * KINDS)
    instants = range(FIRST_NS, FIRST_NS + nights * NIGHT_NS)
    row = [name]
    for past in (False, True):
        row += [f"{ms:.0f}" for ms in exposures_ms(database, kinds, range(DETECTORS), instants, past=past)]
    return row


@contextmanager
def databases() -> Iterator[list[tuple[str, Database]]]:
    """Open an empty database of each kind that there is on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        found = [("SQLite", Database(f"sqlite:///{folder}/certify.sqlite"))]
        if postgres.missing():
            yield found
            return
        with postgres.Cluster() as cluster:
            yield [*found, ("PostgreSQL", Database(cluster.create_database("bench"), schema="certify"))]


def look_ups(console: Console) -> None:
    """Measure on each database and show a table."""
    table = Table(
        f"look-up, {RANGES:,} ranges",
        "p50 / ms",
        "p99 / ms",
        "least p99",
        "bare: p50 / ms",
        "p99 / ms",
        "least p99",
    )
    exposures = Table(
        f"exposure, {DETECTORS} detectors x {KINDS} kinds",
        "median / ms",
        "least",
        "most",
        "as of a past moment: median / ms",
        "least",
        "most",
    )
    with databases() as found:
        for name, database in found:
            fill(database)
            table.add_row(*measured(name, database))
            exposures.add_row(*whole(name, database))
            database.close()
    console.print(table)
    console.print(exposures)


if __name__ == "__main__":
    look_ups(Console(width=120))
