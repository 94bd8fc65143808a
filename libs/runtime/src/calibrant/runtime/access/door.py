"""The door of a process: whether credentials are asked for, and which.

Owns that decision, made from settings. Without keys it is open on loopback and shut everywhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from calibrant.runtime.access.callers import LOCAL, Caller
from calibrant.runtime.access.keys import Keys
from calibrant.runtime.access.tokens import TokenRefused, Tokens
from calibrant.runtime.addresses import is_loopback
from calibrant.runtime.settings import ServiceSettings, WrongSetting


class AccessNotSet(WrongSetting):
    """The API would be reached from other machines, or checks tokens, and a setting for that is missing."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in.

    Parameters
    ----------
    tokens : Tokens or None
        Checks credentials; None: there are none.
    open : bool
        Whether everybody is let in, where there are no credentials.
    refused : Counter
        Requests turned away since the start, by HTTP status.
    """

    tokens: Tokens | None = None
    open: bool = False
    refused: Counter[int] = field(default_factory=Counter)

    def caller(self, authorization: str | None) -> Caller:
        """Return who calls; it may block while keys are read.

        Parameters
        ----------
        authorization : str or None
            The ``Authorization`` header.

        Raises
        ------
        TokenRefused
            A credential is missing or not accepted.
        KeysUnavailable
            There are no keys to check it with now.
        """
        if self.tokens is None and self.open:
            return LOCAL
        if self.tokens is None:
            raise TokenRefused("no credentials are set up: set CALIBRANT_AUTH_JWKS where the service runs")
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise TokenRefused("a bearer token is needed: send it in the header Authorization")
        return self.tokens.caller(token.strip())


def door_of(settings: ServiceSettings) -> Door:
    """Return the door that settings ask for.

    Raises
    ------
    KeysUnusable
        The address of the keys is of no known kind.
    """
    if not settings.auth_jwks:
        return Door(open=is_loopback(settings.host))
    keys = Keys(settings.auth_jwks)
    return Door(Tokens(keys, settings.auth_issuer, settings.auth_audience, settings.auth_roles_claim))


def check_door(settings: ServiceSettings) -> None:
    """Make sure, before an API is served, that it asks for credentials wherever it must.

    Raises
    ------
    AccessNotSet
        A setting is missing.
    KeysUnusable
        The keys' file is missing or holds none. Keys behind a URL are fetched when the first token comes.
    """
    if not settings.auth_jwks and not is_loopback(settings.host):
        raise AccessNotSet(
            f"other machines reach an API on {settings.host}, so it must ask for credentials: set CALIBRANT_AUTH_JWKS, "
            "CALIBRANT_AUTH_ISSUER and CALIBRANT_AUTH_AUDIENCE, or listen on 127.0.0.1"
        )
    for name in ("auth_issuer", "auth_audience"):
        if settings.auth_jwks and not getattr(settings, name):
            raise AccessNotSet(
                f"CALIBRANT_AUTH_JWKS is set and CALIBRANT_{name.upper()} is not: set it, "
                "or tokens made for others would be accepted"
            )
    tokens = door_of(settings).tokens
    if tokens is not None and not tokens.keys.remote:
        tokens.keys.load()
