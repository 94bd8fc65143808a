"""Reads interface files in the format of ts_xml, from a folder that the user supplies.

Owns the XML. The files are not trusted: no document types, bounded sizes, names that are names. Must not know Avro.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from calibrant.sal.wire.errors import InterfaceError
from calibrant.sal.wire.interface import ACKCMD, Component, Field, Topic
from calibrant.sal.wire.private import FIELDS
from calibrant.sal.wire.schemas import KINDS

SUBSYSTEMS = "SALSubsystems.xml"
GENERICS = "SALGenerics.xml"
_PLACES = (".", "python/lsst/ts/xml/data/sal_interfaces", "sal_interfaces")
_KINDS_OF_TOPICS = {"Commands": "SALCommand", "Events": "SALEvent", "Telemetry": "SALTelemetry"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MOST_BYTES = 16 << 20
_MOST_ELEMENTS = 100_000
_MANDATORY = "mandatory"


class _NoDoctype(TreeBuilder):
    """Refuses document types before an entity of theirs can be expanded."""

    def doctype(self, name: str, *_: Any) -> None:
        """Refuse it."""
        raise InterfaceError(f"a document type ({name}) is not taken; interface files have none")


def interfaces_dir(folder: Path) -> Path:
    """Return where the interface files lie in a checkout of ts_xml, or in a folder laid out like its own.

    Raises
    ------
    InterfaceError
        There are none.
    """
    for place in _PLACES:
        if (folder / place / SUBSYSTEMS).is_file():
            return folder / place
    raise InterfaceError(
        f"{folder} has no interface files: name a checkout of ts_xml, or a folder with {SUBSYSTEMS}"
    )


def component_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all components that a folder describes, sorted.

    Raises
    ------
    InterfaceError
        There are none, or a file is wrong.
    """
    file = interfaces_dir(folder) / SUBSYSTEMS
    return tuple(sorted(_name(file, one, "Name") for one in _parsed(file)))


def read_component(folder: Path, name: str) -> Component:
    """Read all topics of a component: the generic ones that it has, its own, and the acknowledgement.

    Parameters
    ----------
    folder
        A checkout of ts_xml, or a folder laid out like its own.
    name
        The component, such as "ATCamera".

    Raises
    ------
    InterfaceError
        There is no such component, or a file is missing or wrong.
    """
    place = interfaces_dir(folder)
    file = place / SUBSYSTEMS
    found = [one for one in _parsed(file) if _name(file, one, "Name") == name]
    if not found:
        raise InterfaceError(
            f"{file}: no component {name!r}; there are: {', '.join(component_names(folder))}"
        )
    if len(found) > 1:
        raise InterfaceError(f"{file}: {len(found)} components are called {name!r}")
    added = [word.strip() for word in _text(found[0], "AddedGenerics").split(",") if word.strip()]
    topics: dict[str, Topic] = {}
    for topic in (*_generics(place / GENERICS, (_MANDATORY, *added)), *_own(place, name), ACKCMD):
        if topic.name in topics:
            raise InterfaceError(f"{place}: {name} has the topic {topic.name} twice")
        topics[topic.name] = topic
    indexed = _text(found[0], "IndexEnumeration", "no").strip() != "no"
    return Component(name, indexed, topics)


def _own(place: Path, name: str) -> Iterator[Topic]:
    for part, tag in _KINDS_OF_TOPICS.items():
        file = place / name / f"{name}_{part}.xml"
        if file.is_file():
            yield from (_topic(file, one) for one in _parsed(file).findall(tag))


def _generics(file: Path, wanted: Iterable[str]) -> Iterator[Topic]:
    """Give the generic topics that are wanted, by their own names or by categories."""
    tags = set(_KINDS_OF_TOPICS.values())
    every = [
        (_text(one, "Category").strip(), _topic(file, one)) for one in _parsed(file).iter() if one.tag in tags
    ]
    for word in wanted:
        found = [topic for category, topic in every if word in {category, topic.name}]
        if not found:
            raise InterfaceError(f"{file}: there is no generic topic and no category {word!r}")
        yield from found


def _topic(file: Path, element: Element) -> Topic:
    full = _name(file, element, "EFDB_Topic")
    name = full.partition("_")[2]
    if not name:
        raise InterfaceError(f"{file}: topic {full!r} has no name behind that of its component")
    fields = tuple(_field(file, name, one) for one in element.findall("item"))
    names = [one.name for one in (*FIELDS, *fields)]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise InterfaceError(f"{file}: {name} has the field {twice[0]} twice")
    return Topic(name, fields, _text(element, "Description"))


def _field(file: Path, topic: str, element: Element) -> Field:
    name = _name(file, element, "EFDB_Name")
    kind = _text(element, "IDL_Type").strip()
    if kind not in KINDS:
        raise InterfaceError(f"{file}: {topic}.{name} has the type {kind!r}; there are {', '.join(KINDS)}")
    count = _text(element, "Count", "1").strip()
    if not (count.isascii() and count.isdigit() and 1 <= int(count) <= _MOST_ELEMENTS):
        raise InterfaceError(f"{file}: {topic}.{name} has the count {count!r}; it is 1 to {_MOST_ELEMENTS}")
    elements = 1 if kind == "string" else int(count)  # there are no arrays of strings
    return Field(name, kind, _text(element, "Units", "unitless"), _text(element, "Description"), elements)


def _name(file: Path, element: Element, tag: str) -> str:
    found = _text(element, tag).strip()
    if not _NAME.fullmatch(found):
        raise InterfaceError(f"{file}: {element.tag} has the {tag} {found!r}, which is no name")
    return found


def _text(element: Element, tag: str, default: str = "") -> str:
    return element.findtext(tag) or default


def _parsed(file: Path) -> Element:
    try:
        content = file.read_bytes()
        if len(content) > _MOST_BYTES:
            raise InterfaceError(f"it has {len(content)} bytes; at most {_MOST_BYTES} are read")
        parser = XMLParser(target=_NoDoctype())  # noqa: S314  without document types there are no entities
        parser.feed(content)
        root: Element = parser.close()
    except OSError as error:
        raise InterfaceError(f"{file} cannot be read: {error.strerror}") from None
    except (ParseError, InterfaceError, ValueError) as error:
        raise InterfaceError(f"{file}: {error}") from None
    return root
