"""Addresses of the shared things, as settings write them: taken apart, or refused with what is wrong.

Owns their grammar. Opens nothing, and never repeats an address that holds a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, urlsplit

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*))"
_BROKERS = re.compile(rf"kafka://({_HOST}:\d{{1,5}}(?:,{_HOST}:\d{{1,5}})*)/?")
_SECRETS = {"password", "sslpassword"}
_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*))?")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of an object store, and what all keys in it begin with (without a slash at its end; or empty)."""

    name: str
    prefix: str


def brokers(text: str) -> str:
    """Return ``HOST:PORT[,HOST:PORT]`` of ``kafka://HOST:PORT[,HOST:PORT]``.

    Raises
    ------
    ValueError
        It is no such address.
    """
    found = _BROKERS.fullmatch(text)
    if found is None:
        raise ValueError(
            "write kafka://HOST:PORT, several brokers parted by commas; a user goes into bus_username"
        )
    return found[1]


def server(text: str) -> str:
    """Return a PostgreSQL address, ``postgresql://USER@HOST:PORT/NAME``, when it is one.

    Raises
    ------
    ValueError
        It is none, or holds a password: a command line and a log show it.
    """
    parts = _split(text)
    if parts.password is not None or _SECRETS & parse_qs(parts.query).keys():
        raise ValueError("leave the password out of the address: it goes into database_password")
    database = parts.path.removeprefix("/")
    if parts.scheme != "postgresql" or not parts.hostname or not database or "/" in database:
        raise ValueError("write postgresql://USER@HOST:PORT/NAME")
    return text


def bucket(text: str) -> Bucket:
    """Return bucket and prefix of ``s3://BUCKET[/PREFIX]``.

    Raises
    ------
    ValueError
        It is no such address.
    """
    found = _BUCKET.fullmatch(text)
    if found is None:
        raise ValueError("write s3://BUCKET or s3://BUCKET/PREFIX")
    return Bucket(found[1], (found[2] or "").strip("/"))


def endpoint(text: str) -> str:
    """Return the URL of a service, ``http://HOST[:PORT]`` or with https, when it is one.

    Raises
    ------
    ValueError
        It is none, or holds a user.
    """
    parts = _split(text)
    if parts.username is not None:
        raise ValueError("leave user and password out of the address: they go into settings of their own")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write http://HOST:PORT or https://HOST")
    return text


def is_loopback(host: str) -> bool:
    """Tell whether a host, by name or by number, is reached from this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # it is looked at only when asked for
    except ValueError:
        raise ValueError("its port is no number between 0 and 65535, or its brackets do not match") from None
    return parts
