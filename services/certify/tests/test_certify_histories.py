"""Random histories of the register beside a naive model: what applies, now and as of any change, down chains too."""

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from calibrant.certify.changes import Change, NothingToDo, Order, Refused
from calibrant.certify.collections import open_for
from calibrant.certify.rebuild import Rebuilt, rebuild_one
from calibrant.certify.register import carry_out_in
from calibrant.certify.store import CertifyQueries
from calibrant.certify.wishes import WISH
from calibrant.rules.collections import CollectionType
from calibrant.rules.ledger import Subject

SETTINGS = {
    "phases": [Phase.generate],
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
DETECTORS, PLACES, CELLS = (
    (0, 1),
    ("A", "B"),
    range(-1, 8),
)  # the first cell is all before 0, the last all after 7
edges = st.one_of(st.none(), st.integers(0, 7))
spans = st.tuples(edges, edges)
products = st.tuples(st.integers(0, 2), st.sampled_from(DETECTORS)).map(
    lambda pair: f"bias-{pair[0]}-{pair[1]}"
)
places = st.sampled_from(PLACES)
wishes = st.one_of(
    st.tuples(st.sampled_from(["certify", "supersede"]), products, places, spans),
    st.tuples(st.just("supersede"), products, places, spans),
    st.tuples(st.sampled_from(["decertify", "move"]), st.sampled_from([(0,), (1,), ()]), places, spans),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("chain"), st.lists(places, unique=True)),
)


class Undo(Exception):
    """Ends an example without leaving its lines."""


class No(Exception):
    """The model refuses."""


def cells(span):
    begin, end = span
    if None not in span and begin >= end:
        raise No
    return [i for i in CELLS if (begin is None or begin <= i) and (end is None or i < end)]


@dataclass
class Made:
    before: dict
    after: dict
    undoes: int | None = None
    chained: bool = False


@dataclass
class Model:
    """What stands in each cell of each place and detector, and all that it was before."""

    now: dict = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)
    last_chain: int | None = None

    def change(self, wish):
        after = dict(self.now)
        made = Made(self.now, after)
        getattr(self, f"_{wish[0]}")(after, made, *wish[1:])
        self.now = after
        self.made.append(made)
        if made.chained:
            self.last_chain = len(self.made) - 1

    def _certify(self, after, _made, product, place, span):
        keys = [(place, int(product[-1]), cell) for cell in cells(span)]
        if any(after.get(key, product) != product for key in keys):
            raise No
        after |= dict.fromkeys(keys, product)

    def _supersede(self, after, _made, product, place, span):
        after |= {(place, int(product[-1]), cell): product for cell in cells(span)}

    def _meant(self, after, detectors, place, span):
        keys = itertools.product([place], detectors or DETECTORS, cells(span))
        found = [key for key in keys if key in after]
        if not found:
            raise No
        return found

    def _decertify(self, after, _made, detectors, place, span):
        for key in self._meant(after, detectors, place, span):
            del after[key]

    def _move(self, after, _made, detectors, place, span):
        for key in self._meant(after, detectors, place, span):
            target = ("B" if place == "A" else "A", *key[1:])
            if after.get(target, after[key]) != after[key]:
                raise No
            after[target] = after.pop(key)

    def _undo(self, after, made, number):
        if number >= len(self.made):
            raise No
        what, made.undoes = self.made[number], number
        undoing = [i for i, one in enumerate(self.made) if one.undoes == number]
        if undoing and not any(one.undoes == undoing[-1] for one in self.made):
            raise No
        if what.chained and self.last_chain != number:
            raise No
        made.chained = what.chained
        for key in what.before.keys() | what.after.keys():
            if what.before.get(key) == what.after.get(key):
                continue
            if after.get(key) != what.after.get(key):
                raise No
            after.pop(key, None)
            if key in what.before:
                after[key] = what.before[key]

    def _chain(self, after, made, members):
        if after.get("C") == tuple(members):
            raise No
        after["C"], made.chained = tuple(members), True

    def applies(self, state, place, detector, cell):
        places = state.get("C", ("C",)) if place == "C" else (place,)
        return next((state[key] for one in places if (key := (one, detector, cell)) in state), None)


def asked(wish, names):
    kind, facts = wish[0], {}
    if kind == "undo":
        return {"action": kind, "change": names[wish[1]] if wish[1] < len(names) else "none", "reason": "why"}
    if kind == "chain":
        return {"action": kind, "collection": "C", "members": wish[1], "reason": "why"}
    what, place, (begin, end) = wish[1:]
    if kind in {"decertify", "move"}:
        facts = {"kinds": ["bias"], "detectors": list(what)}
        facts |= {"to": "B" if place == "A" else "A"} if kind == "move" else {}
    else:
        facts = {"products": [what], "report": "r1"}
    return {"action": kind, "collection": place, "begin": begin, "end": end, "reason": "why", **facts}


def prepare(ledger, session, make, report, told):
    """Let certify know all products and a report that accepts them, and make both collections."""
    every = [make(f"bias-{n}-{d}", detector=d) for n in range(3) for d in DETECTORS]
    ledger.hear(session, report("r1", *every))
    ledger.hear(session, told(*every))
    order = Order.now(session, 900, change_id="", who="ana", reason="why")
    for place in PLACES:
        open_for(Change(session, order), place, CollectionType.CALIBRATION)


def play(session, history):
    """Do the same to the register and to the model; return the model and when each change was recorded."""
    model, names, recorded = Model(), [], []
    for number, wish in enumerate(history):
        try:
            model.change(wish)
        except No:
            with pytest.raises(Refused), session.begin_nested():
                carry_out_in(session, WISH.validate_python(asked(wish, names)), "ana", f"c{number}", 5000)
            continue
        try:
            with session.begin_nested():
                row, _ = carry_out_in(
                    session, WISH.validate_python(asked(wish, names)), "ana", f"c{number}", 5000
                )
        except NothingToDo:
            made = model.made.pop()
            assert made.before == made.after
            continue
        names.append(row.change_id)
        recorded.append(row.recorded_tai_ns)
    return model, recorded


def check(session, model, recorded, questions) -> None:
    queries = CertifyQueries(session)
    for moment, place, detector, cell in questions:
        which = moment % (len(recorded) + 1)
        state = model.now if which == len(recorded) else model.made[which].after
        as_of = None if which == len(recorded) else recorded[which]
        facts = {"instrument": "simcam", "at_tai_ns": cell, "collection": place, "as_of_tai_ns": as_of}
        answer = queries.find(kind="bias", detector=detector, **facts)
        found = answer["calibration"]
        assert (found and found["product"]) == model.applies(state, place, detector, cell), answer["why"]
        whole = queries.exposure(kinds=["bias"], detectors=DETECTORS, **facts)
        expected = {one: model.applies(state, place, one, cell) for one in DETECTORS}
        assert {one["detector"]: one["product"] for one in whole["calibrations"]} == {
            one: product for one, product in expected.items() if product
        }
        assert {one["detector"] for one in whole["gaps"]} == {
            o for o, product in expected.items() if not product
        }
        if found:
            [same] = [one for one in whole["calibrations"] if one["detector"] == detector]
            assert (same["id"], same["begin_tai_ns"], same["end_tai_ns"]) == (
                found["id"],
                found["begin_tai_ns"],
                found["end_tai_ns"],
            )


@settings(max_examples=25, **SETTINGS)
@given(
    history=st.lists(wishes, max_size=10),
    questions=st.lists(
        st.tuples(
            st.integers(0, 20), st.sampled_from("ABC"), st.sampled_from(DETECTORS), st.sampled_from(CELLS)
        ),
        min_size=4,
        max_size=8,
    ),
)
def test_the_register_is_what_a_naive_model_says_at_any_time(  # noqa: PLR0917 - fixtures
    ledger, make, report, told, history, questions
) -> None:
    try:
        with ledger.database.writing() as session:
            prepare(ledger, session, make, report, told)
            model, recorded = play(session, history)
            check(session, model, recorded, questions)
            for place in PLACES:
                for detector in DETECTORS:
                    found = rebuild_one(session, Subject.of(place, "simcam", "bias", detector))
                    assert found == Rebuilt(found.ranges)
            raise Undo
    except Undo:
        pass
