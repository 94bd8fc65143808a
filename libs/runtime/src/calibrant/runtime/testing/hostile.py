"""Hostile input, one corpus for every edge: texts, numbers, JSON, headers. Owns no expectations, and knows no service.

What a file may hold is `calibrant.frames.testing`'s corpus; these texts stand in its cards, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

TEXTS: Final = (
    "",
    "\0",
    "a\0b",
    "../../../etc/passwd",
    "objects:../../etc/passwd",
    "objects:raw/.hidden",
    "file:/etc/shadow",
    "file:",
    "s3://elsewhere/key",
    "http://127.0.0.1/",
    "/etc/passwd",
    "C:\\windows\\system32",
    "%2e%2e%2f%00",
    "x" * 10_000,
    "a\r\nSet-Cookie: admin=1",
    "\x1b[2J\x7f\x85",
    "\u202egnp.exe\u2066",
    "\ufeff\uffff\ufdd0",
    "🔭" * 50,
    "e\u0301" * 20,
    "'; DROP TABLE outbox; --",
    "{{7*7}}${7*7}%s%n",
    "NaN",
    "١٢٣",
    "null",
)
"""Texts: empty, NUL, paths, addresses, long, line ends, control and directional characters, injections."""

NUMBERS: Final = (
    "0",
    "-0.0",
    "-1",
    "1.5",
    "2147483648",
    "9007199254740993",
    "9223372036854775808",
    "-9223372036854775809",
    "1e308",
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "9" * 400,
    "9" * 5000,
    "true",
    "null",
    '"1"',
    "[]",
    "{}",
)
"""Numbers as JSON would write them, were they in its range, and what is none."""

NOT_JSON: Final = (
    b"",
    b" ",
    b"\xff\xfe{}",
    b'{"a": "\xc3"}',
    b'{"a": "\\ud800"}',
    b'{"a": 1',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 500 + b"]" * 500,
    b"null",
    b"[]",
    b'"text"',
    b"\0" * 1000,
    b"\x1f\x8b\x08\0\0\0\0\0",
)
"""Bodies that are no message whatever it is: empty, cut, no UTF-8, nested too deep, something else."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body, and what was done to a good one."""

    done: str
    content: bytes


def bodies(good: bytes) -> Iterator[Body]:
    """Yield hostile variants of a good message: cut, doubled, each field exchanged for two hostile values.

    Parameters
    ----------
    good : bytes
        JSON that is taken.
    """
    for content in NOT_JSON:
        yield Body(f"exchanged for {content[:10]!r}", content)
    for size in (1, len(good) // 2, len(good) - 1):
        yield Body(f"cut to {size}", good[:size])
    yield Body("said twice", good[:-1] + b"," + good[1:])
    texts, numbers = cycle(map(json.dumps, TEXTS)), cycle(NUMBERS)
    for place in _leaves(json.loads(good)):
        for value in (next(texts), next(texts), next(numbers), next(numbers)):
            yield Body(f"{place} = {value[:20]}", _put(good, place, value))


def headers(good: tuple[tuple[str, bytes], ...]) -> Iterator[tuple[tuple[str, bytes], ...]]:
    """Yield hostile variants of the headers of a good event: one missing, twice there, exchanged, and too many."""
    for at, (name, value) in enumerate(good):
        yield good[:at] + good[at + 1 :]
        yield (*good, (name, value))
        yield (*good, (name.upper(), b"other"))
        for hostile in (b"", b"\0", b"a\r\nb: c", b"\xff", b"x" * 100_000):
            yield (*good[:at], (name, hostile), *good[at + 1 :])
    yield (*good, *((f"x-{number}", b"y") for number in range(5000)), ("ce_type", b"again"))


def _leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, (*place, name))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, (*place, number))
    else:
        yield place


def _put(good: bytes, place: tuple[str | int, ...], written: str) -> bytes:
    """Write a value into its place as it stands: JSON's own writer would refuse many."""
    content = json.loads(good)
    inner = content
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = "@hostile@"
    return json.dumps(content).replace('"@hostile@"', written).encode()
