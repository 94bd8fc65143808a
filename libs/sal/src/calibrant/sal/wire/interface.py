"""What a component can be told and tells, as its interface files say: topics with their fields.

Pure: owns the names on the wire. Must not know XML, Avro or Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

COMMAND = "command_"
EVENT = "logevent_"
ACKNOWLEDGEMENT = "ackcmd"
INDEX = "salIndex"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a topic.

    Parameters
    ----------
    name
        Its name, such as "expTime".
    kind
        Its type as the files write it, such as "unsigned int"; one of ``schemas.KINDS``.
    units
        Its unit; "unitless" for none.
    description
        What it means.
    count
        How many elements it has; 1 for a single value.
    """

    name: str
    kind: str
    units: str = "unitless"
    description: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a component.

    Parameters
    ----------
    name
        Its name in SAL: "command_start", "logevent_heartbeat", "ackcmd", or a telemetry's bare name.
    fields
        Its public fields, in their order.
    description
        What it is for.
    """

    name: str
    fields: tuple[Field, ...] = ()
    description: str = ""

    @property
    def is_command(self) -> bool:
        """Whether it tells the component to do something."""
        return self.name.startswith(COMMAND)

    @property
    def is_event(self) -> bool:
        """Whether it tells what has changed; readers want its last value, too."""
        return self.name.startswith(EVENT)

    @property
    def is_telemetry(self) -> bool:
        """Whether it is none of commands, events and acknowledgements."""
        return self.kind == "telemetry"

    @property
    def kind(self) -> str:
        """What it is: "command", "event", "acknowledgement" or "telemetry"."""
        if self.is_command:
            return "command"
        if self.is_event:
            return "event"
        return "acknowledgement" if self.name == ACKNOWLEDGEMENT else "telemetry"


@dataclass(frozen=True)
class Component:
    """One component that can be commanded.

    Parameters
    ----------
    name
        Its name, such as "ATCamera".
    indexed
        Whether there may be several, told apart by a number.
    topics
        Its topics by their names, ``ackcmd`` among them.
    """

    name: str
    indexed: bool
    topics: Mapping[str, Topic]

    @cached_property
    def sorted_names(self) -> tuple[str, ...]:
        """The names of all its topics, sorted."""
        return tuple(sorted(self.topics))

    def command_number(self, topic: str) -> int:
        """Return the number of a command, as acknowledgements give it: its place among all topics, from 0."""
        return self.sorted_names.index(topic)


ACKCMD = Topic(
    ACKNOWLEDGEMENT,
    (
        Field("ack", "long", description="Acknowledgement code"),
        Field("error", "long", description="Number of the error; 0 for none"),
        Field("result", "string", description="What has happened, for a person"),
        Field("identity", "string", description="Who gave the command: its private_identity"),
        Field("origin", "long", description="Process that gave the command: its private_origin"),
        Field("cmdtype", "long", description="Place of the command among all topics, sorted, from 0"),
        Field("timeout", "double", "second", "With an answer in progress: how long the rest may take"),
    ),
    "Answer to a command",
)
"""The answers to commands; every component has it, and no file names it."""
