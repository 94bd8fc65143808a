"""The version of verification: what of these rules a verdict or a decision depends on. Knows no report."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache

from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification import Limits, TestDefinition, registry

BY_HAND = "9"
"""Raised when a test judges, or the gate counts, in another way: code that the hash below does not see.

A test keeps the digest of that code beside it, so that neither is changed without the other.
"""


@cache
def verification_version() -> str:
    """Return the version of verification in force: part of the identity of every measurement and decision."""
    return version_of(registry(), Limits(), GateThresholds(), BY_HAND)


def version_of(
    tests: Sequence[TestDefinition], limits: Limits, thresholds: GateThresholds, by_hand: str
) -> str:
    """Hash all that verdicts and decisions depend on but measurements and an instrument's own limits.

    Parameters
    ----------
    tests : sequence of TestDefinition
        In any order: names, levels, limits, units, measurements needed, whether advisory.
    limits : Limits
        Those in force where an instrument has none of its own.
    thresholds : GateThresholds
        The gate's.
    by_hand : str
        Version of the code.

    Returns
    -------
    str
        SHA-256 of the canonical JSON, 64 hexadecimal digits.
    """
    block = {
        "by_hand": by_hand,
        "tests": sorted(
            [t.key, t.limit, t.unit, t.advisory, t.once, list(t.required), sorted(t.optional or ())]
            for t in tests
        ),
        "limits": limits.model_dump(mode="json"),
        "thresholds": thresholds.model_dump(mode="json"),
    }
    text = json.dumps(block, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
