"""Read buf's descriptor set into plain data: packages, messages, fields, enums, with comments and units."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

F = descriptor_pb2.FieldDescriptorProto
MESSAGE_TAG, ENUM_TAG, FIELD_TAG, VALUE_TAG = 4, 5, 2, 2


@dataclass(frozen=True)
class Field:
    """One field: its Python type is settled by ``models``."""

    name: str
    type: int
    type_name: str
    doc: str
    unit: str
    repeated: bool
    optional: bool
    map_of: tuple[Field, Field] | None = None


@dataclass(frozen=True)
class Message:
    """One message."""

    name: str
    doc: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Enum:
    """One enumeration: (name, number, doc) of each value."""

    name: str
    doc: str
    values: tuple[tuple[str, int, str], ...]


@dataclass
class Package:
    """One producer's package, all its files together."""

    name: str
    messages: list[Message] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)

    @property
    def producer(self) -> str:
        """The folder below ``calibrant``: common, camera, ingest, ..."""
        return self.name.split(".")[1]


def load(image: bytes) -> list[Package]:
    """Return the packages of a descriptor set, in the order of their names."""
    plain = descriptor_pb2.FileDescriptorSet.FromString(image)
    pool = descriptor_pool.DescriptorPool()
    for file in plain.file:
        pool.Add(file)
    # Parsed again with a class of the set's own pool, so that the custom option is known.
    known = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet"))
    parsed = known.FromString(image)
    unit = pool.FindExtensionByName("calibrant.common.v1.unit")
    packages: dict[str, Package] = {}
    for file in parsed.file:
        if not file.package.startswith("calibrant."):
            continue
        package = packages.setdefault(file.package, Package(file.package))
        docs = {
            tuple(loc.path): " ".join(loc.leading_comments.split()) for loc in file.source_code_info.location
        }
        for i, enum in enumerate(file.enum_type):
            values = tuple(
                (v.name, v.number, docs.get((ENUM_TAG, i, VALUE_TAG, j), ""))
                for j, v in enumerate(enum.value)
            )
            package.enums.append(Enum(enum.name, docs.get((ENUM_TAG, i), ""), values))
        for i, message in enumerate(file.message_type):
            package.messages.append(_message(message, i, docs, unit))
    return [packages[name] for name in sorted(packages)]


def _message(message, index, docs, unit) -> Message:
    maps = {f".{nested.name}": nested for nested in message.nested_type if nested.options.map_entry}
    fields = []
    for j, raw in enumerate(message.field):
        entry = next((n for suffix, n in maps.items() if raw.type_name.endswith(suffix)), None)
        of = tuple(_field(f, "", unit) for f in entry.field) if entry else None
        fields.append(_field(raw, docs.get((MESSAGE_TAG, index, FIELD_TAG, j), ""), unit, of))
    return Message(message.name, docs.get((MESSAGE_TAG, index), ""), tuple(fields))


def _field(raw, doc, unit, map_of=None) -> Field:
    return Field(
        name=raw.name,
        type=raw.type,
        type_name=raw.type_name.lstrip("."),
        doc=doc,
        unit=raw.options.Extensions[unit],
        repeated=raw.label == F.LABEL_REPEATED,
        optional=raw.proto3_optional,
        map_of=map_of,
    )
