"""The read model of certifications: what is found for a subject, by filter, time and chain; what is gone is gone."""

import pytest

from calibrant.contracts.certify.v1 import CalibrationWithdrawn, CollectionChanged
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.rules.validity import ValidityRange
from calibrant.sequencer.store.certified import (
    ChainsUnsettled,
    StoredCertifications,
    cut_out,
    keep_certification,
    keep_chain,
)

DAY = 86_400 * 10**9


def test_the_flat_of_a_filter_is_found_among_many(kit):
    """Twelve filters, all certified for the night, and as many that are over: the right one is among the first."""
    world = kit.world()
    names = [f"f{number:02d}" for number in range(12)]
    with world.database.writing() as session:
        for number, name in enumerate(names):
            flat = kit.certified_product("flat", 0, filter=name, product_id=f"flat-{name}").product
            for age in (0, 1):
                span = ValidityRange(
                    begin_tai_ns=kit.t0 - (age + 1) * DAY, end_tai_ns=kit.t0 + (1 - age) * DAY
                )
                told = kit.certified(flat, "c", time_range(span)).model_copy(
                    update={
                        "certification_id": f"cert-{name}-{age}",
                        "recorded": TaiTime.from_ns(kit.t0 + 100 * age + number),
                    }
                )
                keep_certification(session, told)
    with world.database.reading() as session:
        certified = StoredCertifications(session, "simcam-tiny", "c")
        for name in names:
            first, *others = certified("flat", 0, name, kit.t0)
            assert (first.product.filter, first.range.contains(kit.t0)) == (name, True)
            assert 0 < len(others) <= 10
        assert certified("flat", 1, names[0], kit.t0) == []


def time_range(span):
    return TimeRange(begin=TaiTime.from_ns(span.begin_tai_ns), end=TaiTime.from_ns(span.end_tai_ns))


def test_what_is_withdrawn_is_planned_with_no_more(kit):
    """A split keeps both sides; that the certification stands, told again, does not bring the middle back."""
    world = kit.world()
    bias = kit.certified_product("bias").product
    told = kit.certified(bias, "c", TimeRange())
    gone = ValidityRange(begin_tai_ns=kit.t0, end_tai_ns=kit.t0 + DAY)
    withdrawn = CalibrationWithdrawn(
        change_id="change-1",
        product=bias,
        collection="c",
        validity=time_range(gone),
        recorded=told.recorded,
        requested_by="ana",
        reason="light leak",
        superseded_by="",
    )
    with world.database.writing() as session:
        keep_certification(session, told)
        cut_out(session, withdrawn.model_copy(update={"collection": "other"}))
        cut_out(session, withdrawn)
        keep_certification(session, told.model_copy(update={"unchanged": True}))
    with world.database.reading() as session:
        find = StoredCertifications(session, "simcam-tiny", "c")
        fits = [
            any(one.range.contains(at) for one in find("bias", 0, None, at))
            for at in (kit.t0 - 1, kit.t0, kit.t0 + DAY - 1, kit.t0 + DAY)
        ]
    assert fits == [True, False, False, True]


def test_a_chain_is_searched_in_its_order_not_by_what_was_recorded_last(kit):
    world = kit.world()

    def chain(name, *members):
        facts = {"change_id": "x", "requested_by": "ana", "reason": "why", "recorded": TaiTime.from_ns(1)}
        return CollectionChanged(collection=name, type="chained", members=members, **facts)

    with world.database.writing() as session:
        for number, place in enumerate(("old", "new", "later")):
            one = kit.certified_product("bias", product_id=f"bias-{place}").product
            told = kit.certified(one, place, TimeRange())
            update = {"certification_id": f"cert-{number}", "recorded": TaiTime.from_ns(kit.t0 + number)}
            keep_certification(session, told.model_copy(update=update))
        keep_chain(session, chain("all", "inner", "old"))
        keep_chain(session, chain("inner", "new"))
        found = StoredCertifications(session, "simcam-tiny", "all")("bias", 0, None, kit.t0)
        assert [one.product.product_id for one in found] == ["bias-new", "bias-old"]
        keep_chain(session, chain("inner", "all"))
        with pytest.raises(ChainsUnsettled):
            StoredCertifications(session, "simcam-tiny", "all")
        keep_chain(session, chain("all"))
        assert StoredCertifications(session, "simcam-tiny", "all")("bias", 0, None, kit.t0) == []


def test_the_name_of_a_chain_whose_making_was_undone_is_a_collection_again(kit):
    world = kit.world()
    facts = {"change_id": "x", "requested_by": "ana", "reason": "why", "recorded": TaiTime.from_ns(1)}
    chain = CollectionChanged(collection="all", type="chained", members=("c",), **facts)
    bias = kit.certified_product("bias").product
    with world.database.writing() as session:
        keep_chain(session, chain)
        keep_chain(session, chain.model_copy(update={"members": ()}))
        keep_certification(session, kit.certified(bias, "all", TimeRange()))
        found = StoredCertifications(session, "simcam-tiny", "all")("bias", 0, None, kit.t0)
    assert [one.product for one in found] == [bias]


def test_a_calibration_of_no_filter_is_found_whatever_the_set_has(kit):
    world = kit.world()
    with world.database.writing() as session:
        bias = kit.certified_product("bias", filter="r").product
        keep_certification(session, kit.certified(bias, "c", TimeRange()))
    with world.database.reading() as session:
        certified = StoredCertifications(session, "simcam-tiny", "c")
        assert [each.product for each in certified("bias", 0, "g", kit.t0)] == [bias]
