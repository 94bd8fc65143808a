"""What a component of SAL, and who commands it, may do on SAL's brokers. Knows no connection."""

from __future__ import annotations

from typing import Literal

from calibrant.contracts.access import Right
from calibrant.sal.wire.interface import Component
from calibrant.sal.wire.schemas import TopicNames

ANY_GROUP = "*"
"""Clients of SAL read in groups that they name at random."""


def component_rights(component: Component, subname: str, user: str) -> tuple[Right, ...]:
    """Return what a component may do: hear commands, say all else, and make its topics. It joins no group."""
    commands, others = _split(component, subname)
    return (
        *_each(user, others, "Write"),
        *_each(user, commands, "Read"),
        *_each(user, [*others, *commands], "Create"),
    )


def commander_rights(component: Component, subname: str, user: str) -> tuple[Right, ...]:
    """Return what a client may do that commands a component and hears it."""
    commands, others = _split(component, subname)
    heard = (*_each(user, commands, "Write"), *_each(user, others, "Read"))
    return (*heard, Right(user, "group", ANY_GROUP, "Read"))


def _split(component: Component, subname: str) -> tuple[list[str], list[str]]:
    """Return the topics of commands, and the others, by their names on the brokers."""
    names = {name: TopicNames(subname, component.name, name).kafka for name in component.sorted_names}
    commands = [kafka for name, kafka in names.items() if component.topics[name].is_command]
    return commands, [kafka for kafka in names.values() if kafka not in commands]


def _each(user: str, topics: list[str], operation: Literal["Read", "Write", "Create"]) -> list[Right]:
    return [Right(user, "topic", name, operation) for name in topics]
