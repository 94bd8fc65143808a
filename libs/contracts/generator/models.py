"""Turn packages into pydantic modules and the registry of message types."""

from __future__ import annotations

import textwrap

from descriptors import Enum, F, Field, Message, Package

SCALARS = {
    F.TYPE_DOUBLE: "float",
    F.TYPE_FLOAT: "float",
    F.TYPE_INT64: "Int64",
    F.TYPE_UINT64: "UInt64",
    F.TYPE_INT32: "Int32",
    F.TYPE_UINT32: "UInt32",
    F.TYPE_BOOL: "bool",
    F.TYPE_STRING: "str",
    F.TYPE_BYTES: "bytes",
}
BASES = {"calibrant.common.v1.TaiTime": "TaiTimeMethods"}
HEADER = '''"""Messages of ``{name}``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import {base}
{imports}'''


def module_text(package: Package) -> str:
    """Return the text of the module that holds a package's enumerations and messages."""
    own = {m.name for m in package.messages} | {e.name for e in package.enums}
    body = [_enum(e) for e in package.enums] + [_message(m, package) for m in _ordered(package.messages)]
    text = "\n\n".join(body)
    used = sorted(
        {
            f.type_name
            for m in package.messages
            for f in (*m.fields, *(x for g in m.fields if g.map_of for x in g.map_of))
            if f.type_name and not f.map_of and not _own(f, package)
        }
    )
    imports = ""
    for producer in sorted({_producer(u) for u in used}):
        names = sorted(_short(u) for u in used if _producer(u) == producer)
        imports += f"from calibrant.contracts.{producer}.v1 import {', '.join(names)}\n"
    base = sorted(b for b in ("Int32", "Int64", "UInt32", "UInt64", "Message", "TaiTimeMethods") if b in text)
    header = HEADER.format(name=package.name, base=", ".join(base), imports=imports)
    if "Mapping[" not in text:
        header = header.replace("from collections.abc import Mapping\n", "")
    if not package.enums:
        header = header.replace("from enum import Enum\n", "")
    names = "".join(f'    "{n}",\n' for n in sorted(own))
    return f"{header}\n__all__ = [\n{names}]\n\n\n{text}\n"


def registry_module(packages: list[Package]) -> str:
    """Return the module that maps every message's full name to its class."""
    lines = ['"""Every message by its full name. Generated from proto/. Do not edit."""', ""]
    lines += [f"from calibrant.contracts import {', '.join(p.producer for p in packages)}"][:0]
    for p in packages:
        lines.append(f"import calibrant.contracts.{p.producer}.v1 as {p.producer}")
    lines += ["from calibrant.contracts.base import Message", "", "MESSAGES: dict[str, type[Message]] = {"]
    for p in packages:
        lines += [
            f'    "{p.name}.{m.name}": {p.producer}.{m.name},'
            for m in sorted(p.messages, key=lambda m: m.name)
        ]
    return "\n".join([*lines, "}", ""])


def _ordered(messages: list[Message]) -> list[Message]:
    """Put a message after those it holds."""
    done: list[Message] = []
    by_name = {m.name: m for m in messages}

    def visit(message: Message) -> None:
        for field in message.fields:
            inner = by_name.get(_short(field.type_name))
            if inner is not None and inner not in done and inner is not message:
                visit(inner)
        if message not in done:
            done.append(message)

    for message in messages:
        visit(message)
    return done


def _enum(enum: Enum) -> str:
    prefix = _prefix(enum)
    lines = [f"class {enum.name}(Enum):", f'    """{enum.doc}"""', ""]
    for name, number, doc in enum.values:
        short = name.removeprefix(prefix)
        lines += [f'    {short} = "{name}"', f'    """{doc} ({number})"""', ""]
    lines += ["    @property", "    def number(self) -> int:", '        """The number in the contract."""']
    table = ", ".join(f'"{name}": {number}' for name, number, _ in enum.values)
    lines += [f"        numbers = {{{table}}}", "        return numbers[self.value]", ""]
    return "\n".join(lines)


def _prefix(enum: Enum) -> str:
    return enum.values[0][0].removesuffix("UNSPECIFIED")


def _message(message: Message, package: Package) -> str:
    full = f"{package.name}.{message.name}"
    base = BASES.get(full, "Message")
    lines = [f"class {message.name}({base}):"]
    lines += textwrap.wrap(f'"""{message.doc}"""', 100, initial_indent="    ", subsequent_indent="    ")
    lines += ["", f'    message_type: ClassVar[str] = "{full}"']
    for field in message.fields:
        if base != "Message":
            break
        lines.append(f"    {field.name}: {_annotation(field)} = {_default(field)}")
    return "\n".join(lines) + "\n"


def _annotation(field: Field) -> str:
    if field.map_of:
        key, value = field.map_of
        return f"Mapping[{_python(key)}, {_python(value)}]"
    if field.repeated:
        return f"tuple[{_python(field)}, ...]"
    return f"{_python(field)} | None" if field.optional else _python(field)


def _default(field: Field) -> str:
    default = "default_factory=dict, " if field.map_of else "default=(), " if field.repeated else ""
    if field.optional:
        default = "default=None, "
    extra = f', json_schema_extra={{"unit": "{field.unit}"}}' if field.unit else ""
    doc = field.doc + (f" Unit: {field.unit}." if field.unit else "")
    return f"Field({default}description={doc!r}{extra})"


def _python(field: Field) -> str:
    return SCALARS.get(field.type) or _short(field.type_name)


def _own(field: Field, package: Package) -> bool:
    return field.type_name.rpartition(".")[0] == package.name


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2]


def _producer(type_name: str) -> str:
    return type_name.split(".")[1]
