"""One walk over every state and every command of a live component, however it is reached.

Owns the table of what must be answered, written out from SAL's documentation and not from ``states``. Must not know
transport: whoever walks gives a `Walked`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from calibrant.contracts.camera.v1 import AckCode, SummaryState
from calibrant.sal.commands import COMMANDS

_S = SummaryState
STATES = (_S.STANDBY, _S.DISABLED, _S.ENABLED, _S.FAULT, _S.OFFLINE)
LEADS: Mapping[tuple[str, SummaryState], SummaryState] = MappingProxyType(
    {
        ("start", _S.STANDBY): _S.DISABLED,
        ("enable", _S.DISABLED): _S.ENABLED,
        ("disable", _S.ENABLED): _S.DISABLED,
        ("standby", _S.DISABLED): _S.STANDBY,
        ("standby", _S.FAULT): _S.STANDBY,
        ("exitControl", _S.STANDBY): _S.OFFLINE,
        ("enterControl", _S.OFFLINE): _S.STANDBY,
    }
)
ANYWHERE = frozenset({"setLogLevel", "alert"})
STATE_NAMES = frozenset(name for name, _ in LEADS)
_BACK: Mapping[SummaryState, tuple[str, ...]] = MappingProxyType(
    {
        _S.STANDBY: (),
        _S.DISABLED: ("standby",),
        _S.ENABLED: ("disable", "standby"),
        _S.FAULT: ("standby",),
        _S.OFFLINE: ("enterControl",),
    }
)
_THERE: Mapping[SummaryState, tuple[str, ...]] = MappingProxyType(
    {
        _S.STANDBY: (),
        _S.DISABLED: ("start",),
        _S.ENABLED: ("start", "enable"),
        _S.FAULT: (),
        _S.OFFLINE: ("exitControl",),
    }
)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to a command: code and text."""

    ack: AckCode
    result: str


class Walked(Protocol):
    """A live component."""

    async def send(self, name: str) -> Said:
        """Send a command by its SAL name, its fields left out; return its end, or IN_PROGRESS."""
        ...

    async def state(self) -> SummaryState:
        """Return the component's state."""
        ...

    async def fault(self) -> None:
        """Put the component into FAULT."""
        ...


async def walk(component: Walked) -> int:
    """Send every command in every state of a component that is in STANDBY; return how many that were.

    Raises
    ------
    AssertionError
        An answer or the state after it is not what SAL says; the text names state and command.
    """
    steps, now = 0, _S.STANDBY
    for state in STATES:
        for name in COMMANDS:
            if now is not state:
                await _bring(component, now, _S.STANDBY)
                await _bring(component, _S.STANDBY, state)
            said = await component.send(name)
            now = await component.state()
            wrong = _wrong(name, state, said, now)
            if wrong:
                raise AssertionError(
                    f"{name} in {state.name}: {wrong}; it said {said.ack.name}: {said.result}"
                )
            steps += 1
    await _bring(component, now, _S.STANDBY)
    return steps


def _wrong(name: str, state: SummaryState, said: Said, now: SummaryState) -> str:
    """Say what is wrong with an answer; empty when nothing is."""
    refusal = f"{name} not allowed in state {state.name}"
    refused = said.ack is AckCode.FAILED and said.result.startswith(refusal)
    if (name, state) in LEADS:
        wanted = LEADS[name, state]
        return "" if (said.ack, now) == (AckCode.COMPLETE, wanted) else f"it must lead to {wanted.name}"
    if now is not state:
        return f"it must stay in {state.name} and is in {now.name}"
    if name not in STATE_NAMES and (state is _S.ENABLED or (name in ANYWHERE and state is not _S.OFFLINE)):
        return "it must be allowed" if refused else ""
    return "" if refused else "it must be refused in this state"


async def _bring(component: Walked, state: SummaryState, goal: SummaryState) -> None:
    """Bring a component from a state to STANDBY, or from STANDBY to a state."""
    for name in _BACK[state] if goal is _S.STANDBY else _THERE[goal]:
        said = await component.send(name)
        if said.ack is not AckCode.COMPLETE:
            raise AssertionError(f"{name} on the way to {goal.name}: {said.ack.name}: {said.result}")
    if goal is _S.FAULT:
        await component.fault()
