"""The summary state: which command leads from which state to which, and what to say when it does not.

Pure: owns the table of transitions. Must not know who keeps a state or how it is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from calibrant.contracts.camera.v1 import SummaryState
from calibrant.sal.commands import STATE_COMMANDS, command_name

_S = SummaryState
TRANSITIONS = MappingProxyType(
    {
        "start": MappingProxyType({_S.STANDBY: _S.DISABLED}),
        "enable": MappingProxyType({_S.DISABLED: _S.ENABLED}),
        "disable": MappingProxyType({_S.ENABLED: _S.DISABLED}),
        "standby": MappingProxyType({_S.DISABLED: _S.STANDBY, _S.FAULT: _S.STANDBY}),
        "exitControl": MappingProxyType({_S.STANDBY: _S.OFFLINE}),
        "enterControl": MappingProxyType({_S.OFFLINE: _S.STANDBY}),
    }
)
"""By state command, the state it is allowed in and the one it leads to. All but those of ``ANYWHERE`` need ENABLED otherwise."""


ANYWHERE = frozenset({"setLogLevel", "alert"})
"""Commands that are allowed in every state in which the component is under control: all but OFFLINE."""


def _allowed(command: str) -> Mapping[SummaryState, SummaryState]:
    """Return by state in which a command is allowed the one that it leads to."""
    if command in ANYWHERE:
        return {state: state for state in (_S.STANDBY, _S.DISABLED, _S.ENABLED, _S.FAULT)}
    return TRANSITIONS.get(command, {_S.ENABLED: _S.ENABLED})


class NotAllowed(Exception):
    """A command is not allowed in the component's state; the text says which commands lead there.

    Parameters
    ----------
    command
        SAL name of the command.
    state
        The component's state.
    """

    def __init__(self, command: str, state: SummaryState) -> None:
        wanted = sorted(_allowed(command), key=lambda s: s.number)
        ways = [(goal, path_to(state, goal)) for goal in wanted if goal is not _S.FAULT]
        goal, way = min(ways, key=lambda pair: len(pair[1]))
        names = " or ".join(s.name for s in wanted)
        super().__init__(
            f"{command} not allowed in state {state.name}; it needs {names}: "
            f"send {', then '.join(way)} to reach {goal.name}"
        )


def after(command: str, state: SummaryState) -> SummaryState:
    """Return the state after a command.

    Parameters
    ----------
    command
        SAL name, such as "enable" or "takeImages".
    state
        The state the command meets.

    Returns
    -------
    SummaryState
        The new state; the same for a command that is no state command.

    Raises
    ------
    NotAllowed
        The command is not allowed in this state.
    """
    allowed = _allowed(command)
    if state not in allowed:
        raise NotAllowed(command, state)
    return allowed[state]


def path_to(state: SummaryState, goal: SummaryState) -> tuple[str, ...]:
    """Return the shortest sequence of state commands from one state to another.

    Raises
    ------
    ValueError
        No command leads there: FAULT and UNSPECIFIED are reached by no command.

    Examples
    --------
    >>> path_to(SummaryState.FAULT, SummaryState.ENABLED)
    ('standby', 'start', 'enable')
    """
    found: dict[SummaryState, tuple[str, ...]] = {state: ()}
    waiting = deque([state])
    while waiting and goal not in found:
        here = waiting.popleft()
        for kind in STATE_COMMANDS:
            name = command_name(kind)
            there = TRANSITIONS[name].get(here)
            if there is not None and there not in found:
                found[there] = (*found[here], name)
                waiting.append(there)
    if goal not in found:
        raise ValueError(f"no command leads from {state.name} to {goal.name}")
    return found[goal]
