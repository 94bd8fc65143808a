import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.rules.ledger import (
    Found,
    LedgerAction,
    LedgerEntry,
    NotFound,
    already_certified,
    applicable,
    conflicts,
    effective,
    find,
)
from calibrant.rules.validity import ValidityRange


def entry(product, begin, end, recorded, action="certify", **changes):
    facts = {
        "product_id": product, "collection": "SIM/calib/daily", "kind": "bias", "instrument": "SIM", "detector": 0,
        "range": ValidityRange(begin_tai_ns=begin, end_tai_ns=end), "recorded_tai_ns": recorded,
        "sequence": recorded, "action": LedgerAction(action), **changes,
    }  # fmt: skip
    return LedgerEntry(**facts)


def ask(ledger, at, **changes):
    question = {
        "collection": "SIM/calib/daily",
        "kind": "bias",
        "instrument": "SIM",
        "detector": 0,
        **changes,
    }
    return find(ledger, at_tai_ns=at, **question)


LEDGER = [entry("bias-a", 0, 100, 1), entry("bias-b", 100, None, 2)]


@pytest.mark.parametrize(
    ("at", "product"), [(0, "bias-a"), (99, "bias-a"), (100, "bias-b"), (10**18, "bias-b")]
)
def test_the_one_valid_then_is_found(at, product):
    answer = ask(LEDGER, at)
    assert isinstance(answer, Found)
    assert answer.entry.product_id == product
    assert product in answer.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"detector": 1}, "nothing of this kind has been certified"),
        ({"kind": "dark"}, "no dark of SIM detector 0"),
        ({"collection": "SIM/calib"}, "in SIM/calib:"),
        ({"as_of_tai_ns": 0}, "nothing had been certified yet, in the ledger as of 1970"),
        ({}, "none of the validity ranges contains"),
    ],
)
def test_why_nothing_is_found(changes, why):
    answer = ask(LEDGER, -5, **changes)
    assert isinstance(answer, NotFound)
    assert why in answer.why


def test_bitemporal_the_past_answer_can_be_had_again():
    ledger = [*LEDGER, entry("bias-a", 50, 100, 10, "withdraw"), entry("bias-c", 50, 100, 11)]
    assert ask(ledger, 60).entry.product_id == "bias-c"
    assert ask(ledger, 60, as_of_tai_ns=9).entry.product_id == "bias-a"
    assert isinstance(ask(ledger, 60, as_of_tai_ns=10), NotFound)
    assert ask(ledger, 49).entry.product_id == "bias-a"


def test_a_withdrawal_in_the_middle_splits_and_does_not_reach_later_certifications():
    ledger = [entry("bias-a", 0, 100, 1), entry("bias-a", 40, 60, 2, "withdraw")]
    spans = [(e.range.begin_tai_ns, e.range.end_tai_ns) for e in effective(ledger)]
    assert spans == [(0, 40), (60, 100)]
    ledger.append(entry("bias-a", 45, 50, 3))
    assert ask(ledger, 47).entry.recorded_tai_ns == 3
    assert "withdrawn" in ask([entry("b", 0, 9, 1), entry("b", None, None, 2, "withdraw")], 5).why


def test_of_several_the_one_recorded_last_applies_and_names_the_others():
    ledger = [entry("bias-b", 0, 100, 5, sequence=7), entry("bias-a", 0, 100, 5, sequence=6)]
    answer = applicable(ledger, 50)
    assert answer.entry.product_id == "bias-b"
    assert "recorded later than bias-a" in answer.why


def test_the_filter_counts_for_flats_only():
    flats = [
        entry("flat-r", 0, 9, 1, kind="flat", filter="r"),
        entry("flat-g", 0, 9, 2, kind="flat", filter="g"),
    ]
    assert ask(flats, 5, kind="flat", filter="r").entry.product_id == "flat-r"
    assert "there are some in filter g, r" in ask(flats, 5, kind="flat").why
    assert conflicts(flats, entry("flat-2", 0, 9, 3, kind="flat", filter="i")) == []
    bias = [entry("bias-a", 0, 9, 1, filter="r")]
    assert ask(bias, 5, filter="g").entry.product_id == "bias-a"
    assert conflicts(bias, entry("bias-b", 5, 6, 2, filter="g")) == bias


@pytest.mark.parametrize(
    ("candidate", "clashes"),
    [
        (entry("bias-x", 90, 110, 9), ["bias-a", "bias-b"]),
        (entry("bias-x", -50, 0, 9), []),
        (entry("bias-x", 50, 50, 9), []),
        (entry("bias-a", 50, 200, 9), ["bias-b"]),
        (entry("bias-x", 50, 60, 9, detector=1), []),
        (entry("bias-x", 50, 60, 9, collection="other"), []),
        (entry("dark-x", 50, 60, 9, kind="dark"), []),
    ],
)
def test_conflicts_are_named(candidate, clashes):
    assert [e.product_id for e in conflicts(LEDGER, candidate)] == clashes


def test_a_withdrawn_range_is_free_again():
    ledger = [*LEDGER, entry("bias-a", 20, 30, 3, "withdraw")]
    assert conflicts(ledger, entry("bias-x", 20, 30, 9)) == []
    assert conflicts(ledger, entry("bias-x", 19, 30, 9)) != []


def test_the_same_again_is_no_change():
    assert already_certified(LEDGER, entry("bias-a", 10, 100, 9)) == LEDGER[0]
    assert already_certified(LEDGER, entry("bias-a", 10, 101, 9)) is None
    assert already_certified(LEDGER, entry("bias-c", 10, 100, 9)) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=8
    ),
    st.integers(0, 9),
)
def test_effective_agrees_with_replaying_instant_by_instant(lines, at):
    ledger = [
        entry(p, min(x, y), max(x, y), i, "withdraw" if out else "certify")
        for i, (p, x, y, out) in enumerate(lines)
    ]
    valid = []  # plain replay: who is valid at one instant, in order of being recorded
    for product, x, y, out in lines:
        if min(x, y) <= at < max(x, y):
            valid = [p for p in valid if p != product] if out else [*valid, product]
    assert [e.product_id for e in effective(ledger[::-1]) if e.range.contains(at)] == valid
    answer = applicable(ledger, at)
    assert (answer.entry.product_id if isinstance(answer, Found) else None) == (valid[-1] if valid else None)
