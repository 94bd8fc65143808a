import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.rules.applicability import Found, NotFound, find
from calibrant.rules.ledger import (
    LedgerAction,
    LedgerEntry,
    Subject,
    already_certified,
    conflicts,
    effective,
    prevailing,
)
from calibrant.rules.validity import ValidityRange


def entry(product, begin, end, recorded, action="certify", **changes):
    facts = {
        "product_id": product, "collection": "SIM/calib/daily", "kind": "bias", "instrument": "SIM", "detector": 0,
        "range": ValidityRange(begin_tai_ns=begin, end_tai_ns=end), "recorded_tai_ns": recorded,
        "sequence": recorded, "action": LedgerAction(action), **changes,
    }  # fmt: skip
    return LedgerEntry(**facts)


def ask(ledger, at, as_of=None, **changes):
    subject = {
        "collection": "SIM/calib/daily",
        "kind": "bias",
        "instrument": "SIM",
        "detector": 0,
        **changes,
    }
    return find(ledger, Subject.of(**subject), at, as_of)


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
        ({"as_of": 0}, "nothing had been certified yet, in the ledger as of 1970"),
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
    assert ask(ledger, 60, as_of=9).entry.product_id == "bias-a"
    assert isinstance(ask(ledger, 60, as_of=10), NotFound)
    assert ask(ledger, 49).entry.product_id == "bias-a"


def test_a_withdrawal_in_the_middle_splits_and_does_not_reach_later_certifications():
    ledger = [entry("bias-a", 0, 100, 1), entry("bias-a", 40, 60, 2, "withdraw")]
    spans = [(e.range.begin_tai_ns, e.range.end_tai_ns) for e in effective(ledger)]
    assert spans == [(0, 40), (60, 100)]
    ledger.append(entry("bias-a", 45, 50, 3))
    assert ask(ledger, 47).entry.recorded_tai_ns == 3
    assert "withdrawn" in ask([entry("b", 0, 9, 1), entry("b", None, None, 2, "withdraw")], 5).why


def test_of_several_the_one_recorded_last_applies():
    ledger = [entry("bias-b", 20, 40, 5, sequence=7), entry("bias-a", 0, 100, 5, sequence=6)]
    assert [ask(ledger, at).entry.product_id for at in (19, 20, 39, 40)] == [
        "bias-a",
        "bias-b",
        "bias-b",
        "bias-a",
    ]
    assert ask(ledger, 99).entry.range == ValidityRange(begin_tai_ns=40, end_tai_ns=100)


@pytest.mark.parametrize(
    ("at", "before", "after"), [(-1, None, "bias-a"), (15, "bias-a", "bias-b"), (30, "bias-b", None)]
)
def test_a_find_without_an_answer_names_the_neighbours_in_force(at, before, after):
    ledger = [entry("bias-b", 20, 30, 1), entry("bias-a", 0, 12, 2), entry("bias-a", 10, 12, 3, "withdraw")]
    answer = ask(ledger, at)
    for side, product, found in (("before", before, answer.before), ("after", after, answer.after)):
        assert (None if found is None else found.product_id) == product
        assert (f"the nearest {side} is {product}, valid from " in answer.why) == (product is not None)
    assert answer.before is None or answer.before.range.end_tai_ns in {10, 30}


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


lines_of_three_products = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.one_of(st.none(), st.integers(0, 9)),
        st.one_of(st.none(), st.integers(0, 9)),
        st.booleans(),
    ),
    max_size=8,
)


def played(lines):
    """The ledger of these lines (product, one bound, the other, whether withdrawn), a bound missing: unbounded."""
    ledger = []
    for number, (product, begin, end, out) in enumerate(lines):
        if begin is not None and end is not None and begin > end:
            begin, end = end, begin  # noqa: PLW2901 - a range in order
        ledger.append(entry(product, begin, end, number, "withdraw" if out else "certify"))
    return ledger


@given(lines_of_three_products, st.integers(-1, 10))
def test_effective_agrees_with_replaying_instant_by_instant(lines, at):
    ledger = played(lines)
    valid = []  # plain replay: who is valid at one instant, in order of being recorded
    for line in ledger:
        if line.range.contains(at):
            out = line.action is LedgerAction.WITHDRAW
            valid = [p for p in valid if p != line.product_id] if out else [*valid, line.product_id]
    assert [e.product_id for e in effective(ledger[::-1]) if e.range.contains(at)] == valid
    answer = ask(ledger, at)
    assert (answer.entry.product_id if isinstance(answer, Found) else None) == (valid[-1] if valid else None)


@given(lines_of_three_products)
def test_what_prevails_is_at_each_instant_the_last_recorded_in_force_and_overlaps_nothing(lines):
    ledger = played(lines)
    pieces = prevailing(ledger[::-1])
    for at in range(-1, 11):
        in_force = [e.sequence for e in effective(ledger) if e.range.contains(at)]
        assert [e.sequence for e in pieces if e.range.contains(at)] == in_force[-1:]
    assert not any(a.range.overlaps(b.range) for i, a in enumerate(pieces) for b in pieces[:i])


def test_what_prevails_is_told_by_subject_and_in_time_order():
    ledger = [
        entry("bias-c", 50, 60, 1),
        entry("bias-b", None, 10, 2),
        entry("bias-x", 0, 100, 3, detector=1),
        entry("bias-b", 5, 50, 4),
    ]
    told = [(e.detector, e.sequence, e.range.begin_tai_ns, e.range.end_tai_ns) for e in prevailing(ledger)]
    assert told == [(0, 2, None, 5), (0, 4, 5, 50), (0, 1, 50, 60), (1, 3, 0, 100)]
    assert [e.sequence for e in prevailing(ledger, 2)] == [2, 1]
