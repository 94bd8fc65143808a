"""Which gate a run's sets have to pass: as the run asks, else as the instrument says, else as the sequencer is set."""

import json
from collections.abc import Mapping
from typing import Any

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.contracts.verify.v1 import Gate
from calibrant.rules.thresholds import GateThresholds

GATE = "gate"
"""Stands where a recipe's name does in a request's parameters: ``gate.rule``, ``gate.failed_tests``."""


def gate_in_force(
    settings: Mapping[str, Any], instrument: tuple[str, Mapping[str, Any]], request: RunRequested
) -> GateThresholds:
    """Return the gate's rule and thresholds for a run.

    Parameters
    ----------
    settings : mapping of str to value
        What the sequencer's settings say, by field of `GateThresholds`.
    instrument : tuple of str and mapping
        Name and version of the instrument's description, and what it says.
    request : RunRequested
        Its parameters ``gate.FIELD`` go before both.

    Returns
    -------
    GateThresholds
        Its version tells who said the last word, unless one is given.

    Raises
    ------
    ValueError
        A field is unknown or a value out of its range; the text says which.
    """
    gate = GateThresholds()
    for version, values in (("settings-1", settings), instrument, ("as the run asked", asked_for(request))):
        if values:
            gate = gate.replaced({"version": version, **values})
    return gate


def asked_for(request: RunRequested) -> dict[str, Any]:
    """Return what a request says of the gate, by field."""
    prefix = f"{GATE}."
    return {
        name.removeprefix(prefix): json.loads(value)
        for name, value in sorted(request.parameters.items())
        if name.startswith(prefix)
    }


def as_message(gate: GateThresholds) -> Gate:
    """Return the gate as the contract has it."""
    return Gate(**gate.model_dump())
