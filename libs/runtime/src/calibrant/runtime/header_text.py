"""Headers of messages as text, for a database's column: JSON that keeps every byte.

Owns that text. What the headers are is decided in ``calibrant.bus.cloudevents``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from calibrant.bus.cloudevents import HEADERS, JSON, SPEC_VERSION, Envelope, to_message

Headers = tuple[tuple[str, bytes], ...]
Attributes = Mapping[str, Any]
_VARYING = ("id", "time_utc", "subject", "correlation_id", "causation_id", "traceparent")
"""What differs between messages of a kind, in the order of their headers."""
_ALL_THERE = (False,) * len(_VARYING)
_varying = itemgetter(*_VARYING)
_fixed = itemgetter("source", "type", "dataschema")


def headers_to_text(headers: Headers) -> str:
    """Return headers as JSON text that keeps every byte."""
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers])


def headers_from_text(text: str) -> Headers:
    """Return the headers that ``headers_to_text`` wrote."""
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(text))


def header_text(attributes: Attributes) -> str:
    """Return the text of an event's headers; a pattern for each kind of event spares most of the work.

    Parameters
    ----------
    attributes : mapping
        All attributes of an envelope by name, but its media type, which is that of JSON; None: absent.

    Raises
    ------
    ValueError
        They make no envelope.
    """
    values = _varying(attributes)
    given = values if None not in values else tuple([value for value in values if value is not None])
    joined = "".join(given)
    plain = joined.isascii() and joined.isprintable() and "" not in given
    if (
        not plain or '"' in joined or "\\" in joined
    ):  # these the text spells in another way, or they are refused
        return headers_to_text(to_message(Envelope(**attributes, data=b""), "", None).headers)
    missing = _ALL_THERE if given is values else tuple([value is None for value in values])
    return _pattern(*_fixed(attributes), missing) % given


@lru_cache(maxsize=1024)
def _pattern(source: str, kind: str, dataschema: str | None, missing: tuple[bool, ...]) -> str:
    """Write the headers with a gap where they vary."""
    absent = {name for name, gone in zip(_VARYING, missing, strict=True) if gone}
    fixed = {"source": source, "type": kind, "dataschema": dataschema, "datacontenttype": JSON}
    pairs = [("ce_specversion", SPEC_VERSION)]
    for attribute, header in HEADERS.items():
        value = "%s" if attribute in _VARYING else fixed[attribute]
        if attribute not in absent and value is not None:
            pairs.append((header, value if attribute in _VARYING else value.replace("%", "%%")))
    return headers_to_text(tuple((header, value.encode()) for header, value in pairs))
