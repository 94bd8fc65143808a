"""What may be done to a run in which state: pure; knows neither how it is done nor who asks."""

from enum import StrEnum

from calibrant.bus.errors import PermanentError
from calibrant.sequencer.states import ENDED, RunState


class Action(StrEnum):
    """What is done to a run."""

    PAUSE = "pause"  # no exposure is begun, and no job sent; what has begun ends
    RESUME = "resume"
    STOP = "stop"  # after the exposure that has begun
    STOP_NOW = "stop now"
    RETRY = "retry"  # do again what failed, and what depended on it


class Held(StrEnum):
    """Why a run does not go on, beside its state."""

    NOT = ""
    PAUSED = "paused"
    STOPPING = "stopping"  # until the exposure that has begun is in


class ControlRefused(PermanentError):
    """An action cannot be taken on a run now; the text says why, and what can."""


def check(action: Action, run_id: str, state: str, held: str) -> None:
    """Make sure that an action may be taken on a run.

    Parameters
    ----------
    action : Action
        The action.
    run_id : str
        The run, for the text.
    state, held : str
        A `RunState` and a `Held`.

    Raises
    ------
    ControlRefused
        It may not.
    """
    problem = _problem(action, RunState(state), Held(held))
    if problem:
        raise ControlRefused(f"run {run_id} {problem}")


def _problem(action: Action, state: RunState, held: Held) -> str:
    if action is Action.RETRY:
        return _not_retried(state)
    if state in ENDED:
        return f"is {state}: there is nothing to {action}"
    if action is not Action.STOP_NOW and held is Held.STOPPING:
        return "is being stopped already, after the exposure that has begun: stop it now, or wait"
    vain = {
        (Action.PAUSE, Held.PAUSED): "is paused already: resume it, or stop it",
        (Action.RESUME, Held.NOT): f"is not paused: it is {state}",
    }
    return vain.get((action, held), "")


def _not_retried(state: RunState) -> str:
    if state is RunState.DONE:
        return "is done: nothing of it failed"
    return "" if state in ENDED else f"is {state}: wait for its end, or stop it, then retry"
