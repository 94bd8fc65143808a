"""What each service may do on the log: what the flow says, and nothing else.

Owns the derivation of rights from proto/topics.yaml, and the lines in which Kafka's own tool takes them. Knows no
connection.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from calibrant.contracts.flow import topics, topics_consumed


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that one service may do.

    Parameters
    ----------
    service
        Who: its user on the log has its name.
    resource
        On what kind of thing.
    name
        On which.
    operation
        What, in Kafka's words.
    """

    service: str
    resource: Literal["topic", "group"]
    name: str
    operation: Literal["Read", "Write", "DescribeConfigs"]


def produced_by(service: str) -> tuple[str, ...]:
    """Return the names of the topics that a service writes, in the order of the table."""
    return tuple(topic.name for topic in topics().values() if topic.producer == service)


def consumed_by(service: str) -> tuple[str, ...]:
    """Return the names of the topics that a service reads, in the order of the table."""
    return tuple(topic.name for topic in topics_consumed(service))


def groups_of(service: str) -> tuple[str, str]:
    """Return the consumer groups of a service: for its short work, and for its jobs."""
    return (service, f"{service}-jobs")


def rights_of(service: str) -> tuple[Right, ...]:
    """Return what a service may do: write and read as the flow says, join its groups, and see how its topics are set up.

    The last it checks at its start; none may be created or changed: that is an operator's work. (Who may write or
    read a topic may describe it, too.)
    """
    produced, consumed = produced_by(service), consumed_by(service)
    rights = [Right(service, "topic", name, "Write") for name in produced]
    rights += [Right(service, "topic", name, "Read") for name in consumed]
    rights += [Right(service, "group", name, "Read") for name in groups_of(service)]
    rights += [Right(service, "topic", name, "DescribeConfigs") for name in sorted({*produced, *consumed})]
    return tuple(rights)


def services() -> tuple[str, ...]:
    """Return every service that the flow names, in the order in which it comes."""
    named = [name for topic in topics().values() for name in (topic.producer, *topic.consumers)]
    return tuple(dict.fromkeys(named))


def acl_arguments(service: str) -> list[list[str]]:
    """Return the arguments with which ``kafka-acls`` grants a service its rights, one list a call."""
    names: dict[tuple[str, str], list[str]] = {}
    for right in rights_of(service):
        names.setdefault((right.resource, right.operation), []).append(right.name)
    return [
        ["--add", "--allow-principal", f"User:{service}", "--operation", operation]
        + [word for name in named for word in (f"--{resource}", name)]
        for (resource, operation), named in names.items()
    ]


def acl_lines(servers: str, settings: str) -> list[str]:
    """Return the command lines with which an operator grants every service its rights.

    Parameters
    ----------
    servers
        The brokers, as ``host:port[,host:port]``.
    settings
        The properties file with the operator's own credentials.
    """
    start = ["kafka-acls", "--bootstrap-server", servers, "--command-config", settings]
    return [
        shlex.join([*start, *arguments]) for service in services() for arguments in acl_arguments(service)
    ]
