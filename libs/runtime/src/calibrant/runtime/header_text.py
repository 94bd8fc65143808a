"""Headers of messages as text, for a database's column: JSON that keeps every byte.

Owns that text. What the headers are is decided in ``calibrant.bus.cloudevents``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from operator import attrgetter

from calibrant.bus.cloudevents import HEADERS, SPEC_VERSION, Envelope, to_message

Headers = tuple[tuple[str, bytes], ...]
_VARYING = ("id", "time_utc", "subject", "correlation_id", "causation_id", "traceparent")
"""What differs between messages of a kind, in the order of their headers."""
_varying = attrgetter(*_VARYING)


def headers_to_text(headers: Headers) -> str:
    """Return headers as JSON text that keeps every byte."""
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers])


def headers_from_text(text: str) -> Headers:
    """Return the headers that ``headers_to_text`` wrote."""
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(text))


def header_text(envelope: Envelope) -> str:
    """Return the text of an envelope's headers; a pattern for each kind of message spares most of the work."""
    values = _varying(envelope)
    given = tuple(value for value in values if value is not None)
    joined = "".join(given)
    if not joined.isascii() or '"' in joined or "\\" in joined:  # these the text spells in another way
        return headers_to_text(to_message(envelope, "", None).headers)
    missing = tuple(value is None for value in values)
    kind = envelope.source, envelope.type, envelope.dataschema, envelope.datacontenttype
    return _pattern(*kind, missing) % given


@lru_cache(maxsize=1024)
def _pattern(
    source: str, kind: str, dataschema: str | None, datacontenttype: str, missing: tuple[bool, ...]
) -> str:
    """Write the headers with a gap where they vary."""
    absent = {name for name, gone in zip(_VARYING, missing, strict=True) if gone}
    fixed = {
        "source": source,
        "type": kind,
        "dataschema": dataschema,
        "datacontenttype": datacontenttype,
    }
    pairs = [("ce_specversion", SPEC_VERSION)]
    for attribute, header in HEADERS.items():
        value = "%s" if attribute in _VARYING else fixed[attribute]
        if attribute not in absent and value is not None:
            pairs.append((header, value if attribute in _VARYING else value.replace("%", "%%")))
    return headers_to_text(tuple((header, value.encode()) for header, value in pairs))
