"""CloudEvents 1.0 in Kafka's binary mode: an envelope to message headers and back.

Owns the names of the headers and the rules of their values. Must not know what the data mean, nor the
types that exist: a body is bytes here.

Source: CloudEvents 1.0.2 (core; Kafka protocol binding, section 3.2), W3C Trace Context for `traceparent`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final

from calibrant.bus.errors import Malformed
from calibrant.bus.ports import Message, Record

SPEC_VERSION: Final = "1.0"
JSON: Final = "application/json"
"""Media type of a body, unless it says another."""

HEADERS: Final = {
    "id": "ce_id",
    "source": "ce_source",
    "type": "ce_type",
    "time_utc": "ce_time",
    "subject": "ce_subject",
    "dataschema": "ce_dataschema",
    "datacontenttype": "content-type",
    "correlation_id": "ce_correlationid",
    "causation_id": "ce_causationid",
    "traceparent": "traceparent",
}
"""The header of each attribute, in the order they are sent in, after the version's."""
_ATTRIBUTES: Final = {header: attribute for attribute, header in HEADERS.items()}
_VERSION: Final = ("ce_specversion", SPEC_VERSION.encode())
_SPEC: Final = "specversion"
_NAMES: Final = {"ce_specversion": _SPEC, **_ATTRIBUTES}
_REQUIRED: Final = ("id", "source", "type", "time_utc")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
MOST_BYTES: Final = 1024
"""Longest header of an event, in bytes, that is read: identifiers go into indexes, which hold no novels."""
# What a CloudEvents String may not hold: control characters, surrogates, non-characters.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event with what is said about it.

    Parameters
    ----------
    id
        Unique within `source`.
    source
        Who says so: a URI reference, such as ``/calibrant/combine``.
    type
        What happened: the message's full name.
    time_utc
        When, UTC, RFC 3339, ending in ``Z``.
    data
        The body.
    subject
        What it is about.
    dataschema
        URI of the body's schema.
    datacontenttype
        Media type of the body.
    correlation_id
        The run it belongs to.
    causation_id
        The id of the event that caused it.
    traceparent
        W3C trace context.

    Raises
    ------
    ValueError
        An attribute is empty, holds what CloudEvents forbids, or is not a time in UTC.
    """

    id: str
    source: str
    type: str
    time_utc: str
    data: bytes
    subject: str | None = None
    dataschema: str | None = None
    datacontenttype: str = JSON
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        values = _values(self)
        text = "".join(filter(None, values))
        if "" in values or not (text.isascii() and text.isprintable()):
            _refuse_forbidden(values)
        _check_utc(self.time_utc)


_values: Final[Callable[[Envelope], tuple[str | None, ...]]] = attrgetter(*HEADERS)


def sayable(text: str) -> bool:
    """Tell whether a text can be an attribute of an event that will be read: not empty, short, without control characters."""
    return 0 < len(text.encode(errors="replace")) <= MOST_BYTES and _FORBIDDEN.search(text) is None


def to_message(envelope: Envelope, topic: str, key: str | None) -> Message:
    """Put an envelope into a message.

    Parameters
    ----------
    envelope
        The event.
    topic, key
        Where it goes, and what it keeps its order with.

    Returns
    -------
    Message
        Its headers are ``ce_specversion`` and one for each attribute that is not None.
    """
    pairs = zip(_ATTRIBUTES, _values(envelope), strict=True)
    headers = tuple((header, value.encode()) for header, value in pairs if value is not None)
    return Message(topic, key, envelope.data, (_VERSION, *headers))


def from_record(record: Record) -> Envelope:
    """Read the envelope of a record.

    Header names are taken in any case, headers that are not known are ignored, and a time with another
    offset is turned into UTC.

    Parameters
    ----------
    record
        As received.

    Returns
    -------
    Envelope
        Its data are the record's value, untouched.

    Raises
    ------
    Malformed
        A header is missing, twice there, too long, not UTF-8 or has no meaning; or it is another version of
        CloudEvents.
    """
    attributes = _attributes(record)
    version = attributes.pop(_SPEC, None)
    if version != SPEC_VERSION:
        said = "is missing" if version is None else f"is {version!r}"
        raise Malformed(f"header ce_specversion {said}: it must be {SPEC_VERSION!r}")
    for name in _REQUIRED:
        if name not in attributes:
            raise Malformed(f"header {HEADERS[name]} is missing")
    try:
        attributes["time_utc"] = _in_utc(attributes["time_utc"])
        return Envelope(**attributes, data=record.value)
    except ValueError as error:
        raise Malformed(f"header {error}") from error


def _attributes(record: Record) -> dict[str, str]:
    """Decode the headers that are ours, by the attribute's name."""
    values: dict[str, str] = {}
    for raw_name, raw_value in record.headers:
        name = _NAMES.get(raw_name) or _NAMES.get(raw_name.lower())
        if name is None:
            continue
        if name in values:
            raise Malformed(f"header {raw_name.lower()} is there twice")
        if len(raw_value) > MOST_BYTES:
            raise Malformed(
                f"header {raw_name.lower()} has {len(raw_value)} bytes: at most {MOST_BYTES} are read"
            )
        try:
            values[name] = raw_value.decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"header {raw_name.lower()} is not UTF-8: {error}") from error
    return values


def _refuse_forbidden(values: Iterable[str | None]) -> None:
    """Look at each attribute: is it empty, or does it hold what it must not."""
    for header, value in zip(_ATTRIBUTES, values, strict=True):
        if value == "":
            raise ValueError(f"{header} is empty")
        if found := _FORBIDDEN.search(value or ""):
            raise ValueError(f"{header} holds {found.group()!r}, which CloudEvents forbids")


def _parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; a leap second is read as the second before it, digits past 1e-6 s are cut."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"ce_time {text!r} is no RFC 3339 time, such as 2026-01-31T04:05:06.789Z")
    try:
        return datetime.fromisoformat(text.upper().replace("23:59:60", "23:59:59"))
    except ValueError as error:
        raise ValueError(f"ce_time {text!r} is no time: {error}") from error


def _check_utc(text: str) -> None:
    """Refuse what is no RFC 3339 time in UTC; of many times in one second only the digits after it are looked at."""
    if not text.endswith("Z"):
        raise ValueError(f"ce_time {text!r} is not UTC: it must end in Z")
    second, point, fraction = text[:-1].partition(".")
    if point and not (fraction.isascii() and fraction.isdigit()):
        _parse_time(text)
    _check_second(second)


@lru_cache(maxsize=64)
def _check_second(second: str) -> None:
    _parse_time(f"{second}Z")


def _in_utc(text: str) -> str:
    """Give a time its Z, leaving one that has it as it stands."""
    if text.endswith("Z"):
        return text
    moment = _parse_time(text)
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise ValueError(f"ce_time {text!r} is out of range in UTC") from error
