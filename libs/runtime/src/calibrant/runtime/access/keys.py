"""The public keys that tokens are checked with: a JSON Web Key Set in a file or behind a URL.

Owns fetching, the cache and how often it is renewed. Only keys for RS256, ES256 and EdDSA are taken: what a key is
for follows from the key, never from the token.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.runtime.addresses import is_loopback

log = logging.getLogger(__name__)
KEEP_S = 600.0
"""How long keys are used before they are read again. A withdrawn key is refused after this at the latest; while they
cannot be read, after twice as long."""
RENEW_S = 10.0
"""At most this often are keys read again because a token names one that is not known."""
FETCH_S = 5.0
LIMIT_BYTES = 1 << 20
_ALGORITHMS: Final[Mapping[tuple[Any, Any], str]] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}


class KeysUnusable(PermanentError):
    """Where the keys are cannot be used: no such file, no such kind of address, no key in it."""


class KeysUnavailable(TransientError):
    """The keys cannot be fetched now."""


class Keys:
    """A set of public keys, read when it is needed and read again when it is old.

    Parameters
    ----------
    place : str
        A file, or an ``https://`` URL; ``http://`` on loopback alone.
    monotonic : callable
        A clock that never goes back, in seconds.

    Raises
    ------
    KeysUnusable
        The address is of another kind.
    """

    def __init__(self, place: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        self.remote = _is_remote(place)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._read_s: float | None = None
        self._tried_s: float | None = None

    def find(self, name: str) -> PyJWK | None:
        """Return the key of a name, reading the set (again) where that may help; it may block.

        Raises
        ------
        KeysUnavailable
            No set of keys could be read yet.
        KeysUnusable
            What was read is no set of keys, and there was none before.
        """
        if self._wanting(name) and self._lock.acquire(blocking=name not in self._keys):
            try:  # who has a key, even an old one, does not wait for what somebody else is reading
                if self._wanting(name) and self._may_try():
                    self._renew()
            finally:
                self._lock.release()
        if self._read_s is None:
            raise KeysUnavailable("the keys that tokens are checked with cannot be had; try again later")
        return self._keys.get(name)

    def load(self) -> None:
        """Read the set now.

        Raises
        ------
        KeysUnavailable
            It cannot be fetched.
        KeysUnusable
            It is missing, or no set of keys.
        """
        self._tried_s = self._monotonic()
        self._keys = _keys_of(self._fetched(), self.place)
        self._read_s = self._monotonic()

    def _wanting(self, name: str) -> bool:
        old = self._read_s is None or self._monotonic() - self._read_s > KEEP_S
        return old or name not in self._keys

    def _may_try(self) -> bool:
        return self._tried_s is None or self._monotonic() - self._tried_s > RENEW_S

    def _renew(self) -> None:
        """Read the set again; when that fails, those keys that are there go on for a while."""
        try:
            self.load()
        except (KeysUnusable, KeysUnavailable) as error:
            log.warning("keys of tokens: %s", error)
            if self._read_s is not None and self._monotonic() - self._read_s > 2 * KEEP_S:
                self._keys, self._read_s = {}, None

    def _fetched(self) -> bytes:
        return _download(self.place) if self.remote else _read(Path(self.place))


def _is_remote(place: str) -> bool:
    scheme, _, _ = place.partition("://")
    if scheme == place:
        return False
    host = urlsplit(place).hostname or ""
    if scheme == "https" or (scheme == "http" and is_loopback(host)):
        return True
    raise KeysUnusable(
        f"auth_jwks: {scheme}://{host} is no place for keys: name a file, an https:// URL, or an http:// URL on loopback"
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()[:LIMIT_BYTES]
    except OSError as error:
        raise KeysUnusable(f"auth_jwks: {file} cannot be read: {error.strerror}") from None


class _NoRedirects(HTTPRedirectHandler):
    """Keys come from where they were said to be."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _download(url: str) -> bytes:
    try:
        with build_opener(_NoRedirects).open(url, timeout=FETCH_S) as answer:
            found: bytes = answer.read(LIMIT_BYTES)
            return found
    except (URLError, OSError, ValueError) as error:
        raise KeysUnavailable(
            f"auth_jwks: the keys at {urlsplit(url).hostname} cannot be had: {error}"
        ) from None


def _keys_of(text: bytes, place: str) -> dict[str, PyJWK]:
    try:
        listed = json.loads(text)["keys"]
        found = {one["kid"]: key for one in listed if (key := _key(one)) is not None}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeysUnusable(f"auth_jwks: {place} holds no JSON Web Key Set") from None
    if not found:
        raise KeysUnusable(f"auth_jwks: {place} holds no public key with a kid for RS256, ES256 or EdDSA")
    return found


def _key(one: Any) -> PyJWK | None:
    """Return a key of a set; None for one that is not for us: it spoils none of the others."""
    if not isinstance(one, Mapping) or not isinstance(one.get("kid"), str) or "d" in one:  # a private one
        return None
    try:
        algorithm = _ALGORITHMS[one.get("kty"), one.get("crv")]
        if one.get("use", "sig") != "sig" or one.get("alg", algorithm) != algorithm:
            return None
        return PyJWK(dict(one), algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
