"""The parameters of a run's recipes: what it asks for, else what its instrument has; must not know frames or jobs."""

import json

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.holding_out import HOLD_OUT
from calibrant.rules.rulesets import RuleSet

DEFAULT_UNIT = "electron"
_FEWEST = "min_inputs"


def with_usual(request: RunRequested, rules: RuleSet) -> RunRequested:
    """Return a request with the parameters that the instrument's rules have, where it asks for no others."""
    usual = {
        f"{rule.kind}.{name}": json.dumps(value)
        for rule in rules.rules
        for name, value in rule.parameters.items()
        if name != _FEWEST or rule.kind not in request.min_frames
    }
    return request.model_copy(update={"parameters": usual | dict(request.parameters)})


def parameters_of(request: RunRequested, kind: str) -> dict[str, str]:
    """Return the parameters asked for the recipe of a kind, its name stripped; values are JSON text."""
    prefix = f"{kind}."
    return {
        name.removeprefix(prefix): value
        for name, value in sorted(request.parameters.items())
        if name.startswith(prefix) and name != f"{prefix}{HOLD_OUT}"
    }


def combining(request: RunRequested, kind: str) -> dict[str, str]:
    """Return the parameters of a recipe; it takes as few frames as the run does, unless it is told otherwise."""
    fewest = request.min_frames.get(kind)
    few = {} if fewest is None else {_FEWEST: str(fewest)}
    return few | parameters_of(request, kind)


def unit_of(request: RunRequested, kind: str) -> str:
    """Return the unit in which frames of a kind are processed: electron, or what was asked for."""
    value = json.loads(parameters_of(request, kind).get("unit", f'"{DEFAULT_UNIT}"'))
    return str(value)
