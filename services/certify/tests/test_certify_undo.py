"""Every change can be undone while what it changed stands, and the undo too."""

import pytest
from certify_register import DAILY


@pytest.mark.parametrize("action", ["certify", "supersede", "decertify", "move", "approve", "tag", "chain"])
def test_an_undone_change_leaves_what_was_and_can_be_done_again(register, action):
    facts = {
        "certify": {"products": ["bias-4"]},
        "supersede": {"products": ["bias-2"], "begin": 50},
        "decertify": {"kinds": ["bias"], "begin": 50},
        "move": {"kinds": ["bias"], "to": "o"},
        "approve": {"kinds": ["bias"]},
        "tag": {"collection": "t", "add": ["bias-1"]},
        "chain": {"collection": "c", "members": [DAILY]},
    }[action]

    def state():
        everywhere = [DAILY, "o", "t", "c"]
        found = [
            register.products(0, 49, 50, collection=one, detector=n) for one in everywhere for n in (3, 4)
        ]
        [listed] = [one for one in register.ask("calibrations") if one["product"] == "bias-1"][-1:]
        stage = register.ask("calibration", listed["id"])["stages"][3]["reached"]
        return (
            found,
            stage,
            [(one["name"], one["members"]) for one in register.ask("collections") if one["name"] in "tc"],
        )

    before = state()
    change = register.wish(action, **facts)
    after = state()
    assert after != before
    register.events()
    back = register.wish("undo", change=change["id"])
    tagged_still_there = [("t", [])] if action == "tag" else []  # an empty one may stay
    assert state() == (*before[:2], before[2] + tagged_still_there)
    assert register.events()
    assert register.ask("history")[1]["undone_by"] == back["id"]
    assert "was undone already" in register.refused("undo", change=change["id"])
    register.wish("undo", change=back["id"])
    assert state() == after


def test_what_was_changed_since_cannot_be_undone(register):
    first = register.wish("certify", products=["bias-2"], begin=100, end=200)
    second = register.wish("supersede", products=["bias-1"], begin=150, end=160)
    words = register.refused("undo", change=first["id"])
    assert "bias-1 stands from 1970-01-01T00:00:00.00000015 TAI" in words
    assert f"since {second['id']}: undo that first" in words
    third = register.wish("decertify", kinds=["bias"], begin=150, end=160)
    words = register.refused("undo", change=first["id"])
    assert "nothing stands there from" in words
    assert f"since {third['id']}" in words
    assert "no change 'none'" in register.refused("undo", change="none")


def test_no_undo_makes_a_chain_that_leads_back_to_itself_or_to_nothing(register):
    register.wish("chain", collection="b", members=[DAILY])
    register.wish("chain", collection="a", members=["b"])
    third = register.wish("chain", collection="a", members=[DAILY])
    last = register.wish("chain", collection="b", members=["a"])
    assert "a > b > a" in register.refused("undo", change=third["id"])
    register.wish("undo", change=last["id"])
    register.wish("undo", change=third["id"])
    assert register.ask("collection", "a")["members"] == ["b"]
    made = register.wish("chain", collection="c", members=[DAILY])
    register.wish("chain", collection="d", members=["c"])
    assert "c is not taken away: d searches it" in register.refused("undo", change=made["id"])
