"""Which gate a run's sets have to pass: as the run asks, else as the instrument says, else as the sequencer is set."""

import json
from collections.abc import Iterable, Mapping
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
    for version, values in (
        ("settings-1", settings),
        instrument,
        ("as the run asked", asked_for(request.parameters)),
    ):
        if values:
            gate = gate.replaced({"version": version, **values})
    return gate


def gate_of_kind(gate: GateThresholds, request: RunRequested, kind: str) -> GateThresholds:
    """Return the gate for the sets of one kind: a run's parameters ``gate.KIND.FIELD`` go before all else."""
    own = asked_for(request.parameters, f"{GATE}.{kind}.")
    return gate.replaced({"version": "as the run asked", **own}) if own else gate


def check_gate(parameters: Mapping[str, str], kinds: Iterable[str]) -> None:
    """Make sure of what is asked of the gate, for all sets and for those of a kind.

    Parameters
    ----------
    parameters : mapping of str to str
        JSON text by the names that requests have, ``gate.FIELD`` or ``gate.KIND.FIELD``; others are passed over.
    kinds : iterable of str
        Kinds of calibration that there are.

    Raises
    ------
    ValueError
        A field is unknown or a value out of its range.
    """
    known = {f"{GATE}.{kind}." for kind in kinds}
    prefixes = {name[: name.rindex(".") + 1] for name in parameters if name.startswith(f"{GATE}.")}
    for prefix in sorted(prefixes - {f"{GATE}."} - known):
        raise ValueError(f"{prefix[:-1]}: write gate.FIELD, or gate.KIND.FIELD for one kind of calibration")
    for prefix in sorted(prefixes):
        GateThresholds().replaced(asked_for(parameters, prefix))


def asked_for(parameters: Mapping[str, str], prefix: str = f"{GATE}.") -> dict[str, Any]:
    """Return what is said of the gate, by field; of all sets, or of those of one kind."""
    return {
        name.removeprefix(prefix): json.loads(value)
        for name, value in sorted(parameters.items())
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
    }


def as_message(gate: GateThresholds) -> Gate:
    """Return the gate as the contract has it."""
    return Gate(**gate.model_dump())
