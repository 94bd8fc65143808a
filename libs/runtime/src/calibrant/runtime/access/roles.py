"""The roles, and which one each kind of route needs: all of it, in one place.

Pure data and look-up. Knows no credential and no framework.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """Look at everything but the audit."""

    OPERATOR = "operator"
    """Also command, ask for runs, change queues, pause, drain, deal with dead letters."""

    CERTIFIER = "certifier"
    """Look, and decide what is certified."""

    ADMIN = "admin"
    """Everything, and read the audit."""


HOLDS = MappingProxyType(
    {
        Role.VIEWER: frozenset({Role.VIEWER}),
        Role.OPERATOR: frozenset({Role.VIEWER, Role.OPERATOR}),
        Role.CERTIFIER: frozenset({Role.VIEWER, Role.CERTIFIER}),
        Role.ADMIN: frozenset(Role),
    }
)
"""Which roles somebody has who was given one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The role that a kind of route needs: the first part of its path, and whether it only looks."""

    looks: bool
    first: str
    role: Role


RULES = (
    Rule(looks=True, first="audit", role=Role.ADMIN),
    Rule(looks=True, first="*", role=Role.VIEWER),
    Rule(looks=False, first="commands", role=Role.VIEWER),
    Rule(looks=False, first="runs", role=Role.OPERATOR),
    Rule(looks=False, first="queue", role=Role.OPERATOR),
    Rule(looks=False, first="control", role=Role.OPERATOR),
    Rule(looks=False, first="dead-letters", role=Role.OPERATOR),
    Rule(looks=False, first="decisions", role=Role.CERTIFIER),
    Rule(looks=False, first="changes", role=Role.CERTIFIER),
)
"""The first that fits counts. ``commands`` are let through to the component, which answers NOPERM to who is no
operator, so that a command has one answer whichever way it comes."""
COMMANDS = Role.OPERATOR
"""What a component's commands need."""
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


def rule_for(method: str, path: str) -> Rule | None:
    """Return the rule of a request; None: no kind of route fits, and only an admin may try.

    Parameters
    ----------
    method : str
        Such as ``GET``.
    path : str
        Below the service's own address, such as ``/runs/night-1/stop``.
    """
    looks, first = method in _LOOKING, path.removeprefix("/").partition("/")[0]
    fitting = (rule for rule in RULES if rule.looks is looks and rule.first in {first, "*"})
    return next(fitting, None)


def held(names: Iterable[str]) -> frozenset[Role]:
    """Return all roles of somebody who was given those of these names; other names mean nothing.

    Examples
    --------
    >>> sorted(held(["operator", "astronaut"]))
    [<Role.OPERATOR: 'operator'>, <Role.VIEWER: 'viewer'>]
    """
    known = (Role(name) for name in names if name in Role._value2member_map_)
    return frozenset[Role]().union(*(HOLDS[role] for role in known))
