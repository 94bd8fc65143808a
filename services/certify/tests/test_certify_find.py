"""Finding the calibration in force: against a brute-force oracle, at any time, as of any time; never two at once."""

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibrant.certify.store import CertifyQueries, look_up
from calibrant.contracts.certify.v1 import CalibrationCertified

SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
edges = st.one_of(st.none(), st.integers(0, 12))
requests = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 1), edges, edges, st.integers(-2, 3)), min_size=1, max_size=8
)
MANY = range(-1, 14)


class Undo(Exception):
    """Ends an example without leaving its entries."""


def play(ledger, make, asked, wanted, check) -> None:
    """Ask for certifications (product number, detector, begin, end, step of the clock); check; undo."""
    try:
        with ledger.database.writing() as session:
            ledger.clock.now = 1000
            certified = []
            for number, detector, begin, end, step in wanted:
                ledger.clock.now += step
                one = make(f"bias-{number}-{detector}", detector=detector)
                [event] = ledger.within(session, asked(one, begin=begin, end=end))
                if isinstance(event, CalibrationCertified) and not event.unchanged:
                    certified.append((event, detector, begin, end))
            check(CertifyQueries(session), certified)
            raise Undo
    except Undo:
        pass


def contains(begin, end, at) -> bool:
    return (begin is None or begin <= at) and (end is None or at < end)


@SETTINGS
@given(wanted=requests)
def test_two_products_are_never_in_force_at_once(ledger, make, asked, wanted) -> None:
    def check(_queries, certified) -> None:
        for at in MANY:
            for detector in (0, 1):
                valid = {
                    event.product.product_id
                    for event, of, begin, end in certified
                    if of == detector and contains(begin, end, at)
                }
                assert len(valid) <= 1

    play(ledger, make, asked, wanted, check)


@SETTINGS
@given(wanted=requests)
def test_what_is_refused_would_have_been_a_second_one(ledger, make, asked, wanted) -> None:
    """The rule refuses no more than it must: every refusal has an instant at which two would be in force."""
    wanted = [(n, d, b, e, s) for n, d, b, e, s in wanted if b is None or e is None or b < e]
    standing: list = []
    try:
        with ledger.database.writing() as session:
            for number, detector, begin, end, _ in wanted:
                name = f"bias-{number}-{detector}"
                [event] = ledger.within(session, asked(make(name, detector=detector), begin=begin, end=end))
                clash = any(
                    of == detector and other != name and contains(b, e, at) and contains(begin, end, at)
                    for other, of, b, e in standing
                    for at in range(-2, 15)
                )
                assert isinstance(event, CalibrationCertified) != clash
                if not clash:
                    standing.append((name, detector, begin, end))
            raise Undo
    except Undo:
        pass


@SETTINGS
@given(wanted=requests, question=st.tuples(st.integers(-1, 13), st.integers(0, 1), st.integers(1000, 1012)))
def test_find_agrees_with_looking_at_every_line(ledger, make, asked, wanted, question) -> None:
    at, detector, as_of = question

    def check(queries, certified) -> None:
        for limit in (None, as_of):
            expected = {
                event.product.product_id
                for event, of, begin, end in certified
                if of == detector
                and contains(begin, end, at)
                and (limit is None or event.recorded.ns <= limit)
            }
            answer = queries.find(
                instrument="simcam", detector=detector, kind="bias", at_tai_ns=at, as_of_tai_ns=limit
            )
            found = answer["calibration"]
            assert ({found["product"]} if found else set()) == expected
            assert (answer["outcome"] == "found") == bool(expected)
            assert answer["why"]

    play(ledger, make, asked, wanted, check)


def test_a_find_without_an_answer_names_the_neighbours(ledger, make, asked) -> None:
    ledger.ask(asked(make(), begin=0, end=10))
    ledger.ask(asked(make("bias-2"), begin=20, end=30))
    ledger.ask(asked(make("bias-3"), begin=40, end=50))
    ask = {"instrument": "simcam", "detector": 3, "kind": "bias"}
    with ledger.database.reading() as session:
        queries = CertifyQueries(session)
        between = queries.find(**ask, at_tai_ns=35)
        too_early = queries.find(**ask, at_tai_ns=-1)
        nothing = queries.find(**(ask | {"kind": "dark"}), at_tai_ns=0)
    assert (between["before"]["product"], between["after"]["product"]) == ("bias-2", "bias-3")
    assert "nearest before is bias-2" in between["why"]
    assert "nearest after is bias-3" in between["why"]
    assert (too_early["before"], too_early["after"]["product"]) == (None, "bias-1")
    assert (nothing["before"], nothing["after"]) == (None, None)
    assert "simcam/calib/daily" in nothing["why"]


@SETTINGS
@given(
    wanted=requests,
    at=st.integers(-1, 13),
    detector=st.integers(0, 2),
    kind=st.sampled_from(["bias", "dark"]),
)
def test_the_ranges_in_force_and_the_ledger_give_one_answer(  # noqa: PLR0917 - fixtures
    ledger, make, asked, wanted, at, detector, kind
) -> None:
    def check(queries, _certified) -> None:
        ask = {"instrument": "simcam", "detector": detector, "kind": kind, "at_tai_ns": at}
        by_ranges, by_ledger = queries.find(**ask), queries.find(**ask, as_of_tai_ns=10**6)
        for told in (by_ledger, *by_ledger["searched"]):
            told["why"] = told["why"].replace(", in the ledger as of 1970-01-01T00:00:00.001 TAI", "")
        assert by_ranges == by_ledger

    play(ledger, make, asked, wanted, check)


@pytest.mark.parametrize("at", [-(10**30), 10**30])
def test_an_instant_that_no_table_holds_is_only_in_an_open_range(ledger, make, asked, at) -> None:
    ledger.ask(asked(make(), begin=0, end=2**63 - 1))
    ledger.ask(asked(make("dark-1", kind="dark"), begin=None, end=None))
    with ledger.database.reading() as session:
        find = partial(CertifyQueries(session).find, instrument="simcam", detector=3, at_tai_ns=at)
        assert find(kind="bias")["outcome"] == "not found"
        assert find(kind="dark")["outcome"] == "found"


def test_a_flat_is_found_by_its_filter(ledger, make, asked) -> None:
    ledger.ask(asked(make("flat-r", kind="flat", filter="r")))
    ask = {"instrument": "simcam", "detector": 3, "kind": "flat", "at_tai_ns": 5}
    with ledger.database.reading() as session:
        queries = CertifyQueries(session)
        assert queries.find(**ask, filter="r")["calibration"]["product"] == "flat-r"
        missing = queries.find(**ask, filter="g")
    assert missing["calibration"] is None
    assert "in filter r" in missing["why"]


@pytest.mark.parametrize("as_of", [None, 10**6])
@pytest.mark.parametrize("at", [-1, 5, 15, 25])
def test_a_look_up_says_what_a_transaction_says(ledger, make, asked, at, as_of) -> None:
    ledger.ask(asked(make(), begin=0, end=10))
    ledger.ask(asked(make("bias-2"), begin=20, end=30))
    question = {"instrument": "simcam", "detector": 3, "kind": "bias", "at_tai_ns": at, "as_of_tai_ns": as_of}
    with ledger.database.reading() as session:
        expected = CertifyQueries(session).find(**question)
    assert look_up(ledger.database, **question) == expected
    assert expected["outcome"] == ("found" if at in {5, 25} else "not found")
