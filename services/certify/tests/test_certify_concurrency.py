"""Several sessions on one server at the same time: of overlapping ranges one comes into force, the others are told."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlmodel import select

from calibrant.bus.errors import TransientError
from calibrant.certify.in_force import InForceRow, RangeTaken, record
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused
from calibrant.runtime.testing.databases import DatabaseSite

pytestmark = pytest.mark.postgres
PATIENCE_S = 60


@pytest.fixture
def database_site(server_url):
    return DatabaseSite(server_url, f"certify_{uuid4().hex[:12]}")


def in_force(database) -> list[str]:
    with database.reading() as session:
        return sorted(session.exec(select(InForceRow.product_id)).all())


def until_somebody_waits(database) -> None:
    end_s = time.monotonic() + PATIENCE_S
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while time.monotonic() < end_s:
        with database.reading() as session:
            if session.execute(waiting).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the open transaction")


@pytest.fixture
def beside():
    """Run something in a thread; return what gives its result, or the error it ended with."""
    with ThreadPoolExecutor() as threads:
        yield threads.submit


@pytest.mark.parametrize("span", [(50, 150), (None, None), (99, None), (-10, 1)])
def test_of_two_sessions_that_write_at_once_one_gets_the_range(database, line, beside, span) -> None:
    def write_too() -> None:
        with database.writing_beside() as session:
            record(session, line(2, "b", *span))

    with database.writing_beside() as session:
        record(session, line(1, "a", 0, 100))
        other = beside(write_too)
        until_somebody_waits(database)
    assert isinstance(other.exception(PATIENCE_S), RangeTaken)
    assert in_force(database) == ["a"]


@pytest.mark.parametrize("span", [(100, 200), (None, 0), (100, None)])
def test_adjacent_ranges_do_not_wait_for_each_other(database, line, span) -> None:
    with database.writing_beside() as one, database.writing_beside() as other:
        record(one, line(1, "a", 0, 100))
        record(other, line(2, "b", *span))
    assert in_force(database) == ["a", "b"]


def test_of_many_sessions_one_wins_and_the_others_may_try_again(database, line, beside) -> None:
    """Each writes its index entry and then waits for the others': the server ends such a circle, which is told too."""
    together = threading.Barrier(5)

    def compete(number: int) -> None:
        with database.writing_beside() as session:
            together.wait(PATIENCE_S)
            record(session, line(number, f"p{number}", number, 100 + number))

    errors = [one.exception(PATIENCE_S) for one in [beside(compete, number) for number in range(5)]]
    assert sum(error is None for error in errors) == 1
    assert all(isinstance(error, TransientError) for error in errors if error is not None)
    assert len(in_force(database)) == 1


def test_a_range_taken_between_check_and_write_is_a_refusal_that_names_it(
    ledger, line, make, asked, beside
) -> None:
    """Somebody writes past the rule of the one writer; the constraint holds, and the service can tell what stands."""
    with ledger.database.writing_beside() as session:
        record(session, line(1, "b", 50, 150))
        asking = beside(ledger.ask, asked(make("a"), make("c", detector=4)))
        until_somebody_waits(ledger.database)
    refused, certified = asking.result(PATIENCE_S)
    assert isinstance(refused, CertificationRefused)
    assert refused.conflicts == ("cert-1",)
    assert "b is certified" in refused.reason
    assert isinstance(certified, CalibrationCertified)
    assert in_force(ledger.database) == ["b", "c"]


def test_the_service_has_one_writer_so_the_second_is_refused_at_once(ledger, make, asked, beside) -> None:
    with ledger.database.writing() as session:
        ledger.within(session, asked(make("a")))
        asking = beside(ledger.ask, asked(make("b"), job_id="j2"))
        until_somebody_waits(ledger.database)
    [refused] = asking.result(PATIENCE_S)
    assert isinstance(refused, CertificationRefused)
    assert "a is certified" in refused.reason
    assert in_force(ledger.database) == ["a"]
