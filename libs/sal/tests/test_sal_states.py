"""Every state meets every command; the oracle is the table of the SAL documentation, written out anew."""

import itertools

import pytest

from calibrant.contracts.camera.v1 import SummaryState as S
from calibrant.sal import COMMANDS, NotAllowed, after, path_to

STATES = (S.DISABLED, S.ENABLED, S.FAULT, S.OFFLINE, S.STANDBY)
DOCUMENTED = {
    ("start", S.STANDBY): S.DISABLED,
    ("enable", S.DISABLED): S.ENABLED,
    ("disable", S.ENABLED): S.DISABLED,
    ("standby", S.DISABLED): S.STANDBY,
    ("standby", S.FAULT): S.STANDBY,
    ("exitControl", S.STANDBY): S.OFFLINE,
    ("enterControl", S.OFFLINE): S.STANDBY,
    **{
        (name, state): state
        for name in ("setLogLevel", "alert")
        for state in STATES
        if state is not S.OFFLINE
    },
    **{
        (name, S.ENABLED): S.ENABLED
        for name in (
            *(
                "takeImages",
                "stop",
                "setFilter",
                "clear",
                "discardRows",
                "initImage",
                "initGuiders",
                "wakeFilterChanger",
                "generic",
            ),
            *("startImage", "endImage", "enableCalibration", "disableCalibration"),
            *("playlist", "play"),
        )
    },
}


@pytest.mark.parametrize(("name", "state"), list(itertools.product(COMMANDS, STATES)))
def test_every_command_in_every_state(name, state):
    if (name, state) in DOCUMENTED:
        assert after(name, state) is DOCUMENTED[name, state]
    else:
        with pytest.raises(NotAllowed, match=f"^{name} not allowed in state {state.name}; "):
            after(name, state)


def test_a_refusal_says_which_commands_lead_there():
    with pytest.raises(NotAllowed) as error:
        after("takeImages", S.STANDBY)
    assert str(error.value) == (
        "takeImages not allowed in state STANDBY; it needs ENABLED: send start, then enable to reach ENABLED"
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("goal", [S.DISABLED, S.ENABLED, S.OFFLINE, S.STANDBY])
def test_a_path_leads_to_its_goal(state, goal):
    here = state
    for name in path_to(state, goal):
        here = after(name, here)
    assert here is goal


def test_no_path_leads_to_fault():
    with pytest.raises(ValueError, match="no command leads from ENABLED to FAULT"):
        path_to(S.ENABLED, S.FAULT)
