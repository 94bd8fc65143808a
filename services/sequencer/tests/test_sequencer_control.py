"""What may be done to a run in which state: the whole table."""

import itertools

import pytest

from calibrant.sequencer.control import Action, ControlRefused, Held, check
from calibrant.sequencer.states import ENDED, RunState

GOING = [state for state in RunState if state not in ENDED]
ENDS = [state for state in RunState if state in ENDED]
REFUSED = {
    **{(s, Held.NOT, Action.RESUME): f"is not paused: it is {s}" for s in GOING},
    **{(s, Held.PAUSED, Action.PAUSE): "is paused already: resume it, or stop it" for s in GOING},
    **{
        (
            s,
            Held.STOPPING,
            a,
        ): "is being stopped already, after the exposure that has begun: stop it now, or wait"
        for s in GOING
        for a in (Action.PAUSE, Action.RESUME, Action.STOP)
    },
    **{
        (s, h, Action.RETRY): f"is {s}: wait for its end, or stop it, then retry" for s in GOING for h in Held
    },
    **{
        (s, Held.NOT, a): f"is {s}: there is nothing to {a}"
        for s in ENDS
        for a in Action
        if a is not Action.RETRY
    },
    (RunState.DONE, Held.NOT, Action.RETRY): "is done: nothing of it failed",
}
"""Why not, by state, what holds the run, and action; all else may be done."""


def test_every_state_and_action_is_allowed_or_refused_with_what_to_do():
    standings = [*itertools.product(GOING, Held), *((state, Held.NOT) for state in ENDS)]
    for (state, held), action in itertools.product(standings, Action):
        told = REFUSED.get((state, held, action))
        if told is None:
            check(action, "night-1", state, held)
        else:
            with pytest.raises(ControlRefused) as refusal:
                check(action, "night-1", state, held)
            assert str(refusal.value) == f"run night-1 {told}"
