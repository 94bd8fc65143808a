"""What each service may do on the log: what the flow says, and nothing else.

Owns the derivation of rights from proto/topics.yaml, and the lines in which Kafka's own tool takes them. Knows no
connection.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from calibrant.contracts.flow import topics, topics_consumed

_COMPONENT: Final = "camera"
"""The service whose components clients command."""
_COMMANDS: Final = ("camera-commands", "sequencer-commands")
_QUEUE_ANSWERS: Final = "sequencer-answers"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that one service, or a client, may do.

    Parameters
    ----------
    service
        Who: a service's user on the log has its name.
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
    operation: Literal["Read", "Write", "Create", "DescribeConfigs"]


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


def client_rights(user: str) -> tuple[Right, ...]:
    """Return what a client may do that commands cameras and queues over the log: it joins no group, and makes no topic."""
    heard = (*produced_by(_COMPONENT), _QUEUE_ANSWERS)
    return (
        *(Right(user, "topic", name, "Write") for name in _COMMANDS),
        *(Right(user, "topic", name, "Read") for name in heard),
    )


def telling_rights(component: str) -> tuple[Right, ...]:
    """Return what a camera may do beside ``rights_of`` that tells on SAL what it has told on the log.

    Parameters
    ----------
    component
        Name under which it is commanded.
    """
    read = (Right(_COMPONENT, "topic", name, "Read") for name in produced_by(_COMPONENT))
    return (*read, Right(_COMPONENT, "group", telling_group(component), "Read"))


def telling_group(component: str) -> str:
    """Return the consumer group in which a camera reads what it has told, to tell it on SAL."""
    return f"{_COMPONENT}-sal-{component}"


def services() -> tuple[str, ...]:
    """Return every service that the flow names, in the order in which it comes."""
    named = [name for topic in topics().values() for name in (topic.producer, *topic.consumers)]
    return tuple(dict.fromkeys(named))


def acl_arguments(rights: Iterable[Right]) -> list[list[str]]:
    """Return the arguments with which ``kafka-acls`` grants rights, one list a call."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for right in rights:
        names.setdefault((right.service, right.resource, right.operation), []).append(right.name)
    return [
        ["--add", "--allow-principal", f"User:{user}", "--operation", operation]
        + [word for name in named for word in (f"--{resource}", name)]
        for (user, resource, operation), named in names.items()
    ]


def acl_lines(servers: str, settings: str, rights: Iterable[Right] | None = None) -> list[str]:
    """Return the command lines with which an operator grants rights.

    Parameters
    ----------
    servers
        The brokers, as ``host:port[,host:port]``.
    settings
        The properties file with the operator's own credentials.
    rights
        The rights; omitted: those of every service.
    """
    start = ["kafka-acls", "--bootstrap-server", servers, "--command-config", settings]
    granted = [right for one in services() for right in rights_of(one)] if rights is None else rights
    return [shlex.join([*start, *arguments]) for arguments in acl_arguments(granted)]
