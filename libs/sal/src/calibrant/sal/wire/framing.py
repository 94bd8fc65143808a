"""The framing of records whose schemas a registry keeps: a zero, the schema's number, the body.

Pure: bytes in, bytes out. Must not know what the body holds.
"""

from __future__ import annotations

import struct

from calibrant.sal.wire.errors import SampleMalformed

_HEAD = struct.Struct(">bI")
_MAGIC = 0


def framed(schema_id: int, body: bytes) -> bytes:
    r"""Put a body into its frame.

    Examples
    --------
    >>> framed(258, b"body")
    b'\x00\x00\x00\x01\x02body'
    """
    return _HEAD.pack(_MAGIC, schema_id) + body


def unframed(record: bytes) -> tuple[int, bytes]:
    """Take a body out of its frame; return the schema's number and the body.

    Raises
    ------
    SampleMalformed
        It is too short, or begins otherwise.
    """
    if len(record) < _HEAD.size:
        raise SampleMalformed(f"a record of {len(record)} bytes has no frame; that alone has {_HEAD.size}")
    magic, schema_id = _HEAD.unpack_from(record)
    if magic != _MAGIC:
        raise SampleMalformed(f"a record begins with {magic} where its frame begins with {_MAGIC}")
    return schema_id, record[_HEAD.size :]
