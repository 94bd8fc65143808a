"""Ranges whose end nobody wished for: they end where what comes later begins, and all else is a clash as ever."""

import pytest

from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn, CertificationRefused
from calibrant.runtime.testing.databases import DatabaseSite

NIGHT = {"gives_way": True}


@pytest.fixture
def database_site(tmp_path):
    """What is tested here are rules; the ledger's own tests know both databases."""
    return DatabaseSite(f"sqlite:///{tmp_path}/certify.sqlite")


def span(event):
    return event.validity.begin.ns, event.validity.end.ns


def test_d9_a_night_that_begins_less_than_a_day_after_the_last_is_certified_and_the_last_ends_there(
    ledger, make, asked
):
    [first] = ledger.ask(asked(make(), begin=0, end=100, **NIGHT))
    withdrawn, certified = ledger.ask(asked(make("bias-2"), begin=80, end=180, job_id="j2", **NIGHT))
    assert (type(withdrawn), type(certified)) == (CalibrationWithdrawn, CalibrationCertified)
    assert (withdrawn.product, span(withdrawn), withdrawn.superseded_by) == (
        first.product,
        (80, 100),
        "bias-2",
    )
    assert (certified.product.product_id, span(certified)) == ("bias-2", (80, 180))


def test_an_earlier_night_that_is_made_later_ends_where_the_later_one_begins(ledger, make, asked):
    ledger.ask(asked(make("bias-2"), begin=80, end=180, **NIGHT))
    wish = asked(make(), begin=0, end=100, job_id="j2", **NIGHT)
    [certified] = ledger.ask(wish)
    assert (certified.product.product_id, span(certified), certified.unchanged) == ("bias-1", (0, 80), False)
    [again] = ledger.ask(wish.model_copy(update={"job_id": "j3"}))
    assert (again.unchanged, span(again)) == (True, (0, 80))


def test_what_somebody_wishes_from_a_later_time_on_takes_the_place_of_an_end_that_nobody_wished(
    ledger, make, asked
):
    ledger.ask(asked(make(), begin=0, end=100, **NIGHT))
    _, certified = ledger.ask(asked(make("bias-2"), begin=50, end=60, job_id="j2"))
    assert span(certified) == (50, 60)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NIGHT | {"begin": 0}, NIGHT | {"begin": 0}),
        ({"begin": 0}, NIGHT | {"begin": 80}),
        (NIGHT | {"begin": 80}, {"begin": 0}),
    ],
    ids=["a retake of the same frames", "an end that was wished for", "a wish from before on"],
)
def test_all_else_is_in_the_way(ledger, make, asked, first, second):
    ledger.ask(asked(make(), **first, end=100))
    [refused] = ledger.ask(asked(make("bias-2"), **second, end=180, job_id="j2"))
    assert isinstance(refused, CertificationRefused)
    assert "overlaps what stands" in refused.reason
