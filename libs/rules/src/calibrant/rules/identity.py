"""Ids of jobs and products: what determines a result, hashed; must not know clocks, hosts or attempts."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def job_id(  # noqa: PLR0917 - the six things that determine a result
    recipe: str,
    recipe_version: str,
    engine_version: str,
    instrument_hash: str,
    inputs: Mapping[str, Sequence[str]],
    parameters: Mapping[str, Any],
) -> str:
    """Hash everything that determines a job's result.

    Parameters
    ----------
    recipe, recipe_version, engine_version : str
        The recipe, its version, and the version of the engine that computes it.
    instrument_hash : str
        Hash of the instrument description in force.
    inputs : mapping of role to sequence of ids
        Neither the order of the roles nor that of the inputs within a role matters.
    parameters : mapping
        JSON values: None, bool, int, finite float, str, lists and mappings of them. ``3`` and ``3.0`` are
        different parameters.

    Returns
    -------
    str
        SHA-256 of the canonical JSON, 64 hexadecimal digits.

    Raises
    ------
    TypeError
        A role's inputs are one string, or a parameter is not a JSON value.
    ValueError
        A parameter is NaN or infinite.
    """
    block = {
        "recipe": recipe,
        "recipe_version": recipe_version,
        "engine_version": engine_version,
        "instrument_hash": instrument_hash,
        "inputs": {role: _sorted_inputs(role, ids) for role, ids in inputs.items()},
        "parameters": {name: _json(value, name) for name, value in parameters.items()},
    }
    text = json.dumps(block, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def product_id(kind: str, job: str) -> str:
    """Name the product of a job: its kind and the first 12 digits of the job's id."""
    return f"{kind}-{job[:12]}"


def _sorted_inputs(role: str, ids: Sequence[str]) -> list[str]:
    if isinstance(ids, str):
        raise TypeError(f"inputs of role {role!r} are one string, {ids!r}: give a list of ids")
    return sorted(ids)


def _json(value: Any, where: str) -> Any:
    """Check that a parameter means the same to every reader; mapping keys would silently become text."""
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"parameter {where} has the key {wrong[0]!r}: name keys with text")
        return {key: _json(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"parameter {where} is {value}: give a finite number, or None")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"parameter {where} is a {type(value).__name__}: give a JSON value")
