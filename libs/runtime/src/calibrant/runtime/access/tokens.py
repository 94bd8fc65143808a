"""Bearer tokens: from the text of a JSON Web Token to who calls, or to why it is refused.

Owns what is checked. A reason never repeats anything of the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from calibrant.bus.errors import PermanentError
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.keys import Keys

LEEWAY_S = 30
"""How far the clocks of who issues a token and of this machine may lie apart."""
LIMIT_CHARS = 8192
IDENTITY_CHARS = 200
_REASONS: Final[Mapping[type[Exception], str]] = {
    ExpiredSignatureError: "the token has expired; get a new one",
    ImmatureSignatureError: "the token is not valid yet; compare the clocks",
    InvalidIssuerError: "the token is of another issuer",
    InvalidAudienceError: "the token is for another audience",
    InvalidSignatureError: "the token's signature does not fit the key that it names",
}


class TokenRefused(PermanentError):
    """A token is not accepted; the text says why."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Checks tokens.

    Parameters
    ----------
    keys : Keys
        What their signatures are checked with.
    issuer, audience : str
        What they must say.
    roles_claim : str
        Where they say which roles somebody has: a name, or names parted by dots of claims within claims.
    """

    keys: Keys
    issuer: str
    audience: str
    roles_claim: str

    def caller(self, token: str) -> Caller:
        """Return who a token is of; it may block while keys are read.

        Raises
        ------
        TokenRefused
            It is not accepted.
        KeysUnavailable
            There are no keys to check it with now.
        """
        if len(token) > LIMIT_CHARS:
            raise TokenRefused(f"the token is longer than {LIMIT_CHARS} characters")
        claims = self._claims(token)
        identity = claims["sub"]
        if (
            not isinstance(identity, str)
            or not identity.isprintable()
            or not 0 < len(identity) <= IDENTITY_CHARS
        ):
            raise TokenRefused(f"the token's subject is no name of 1 to {IDENTITY_CHARS} characters")
        return Caller.of(identity, _names(claims, self.roles_claim))

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            name = jwt.get_unverified_header(token).get("kid")
        except (PyJWTError, ValueError, RecursionError):
            raise TokenRefused("the token is no JSON Web Token") from None
        if not isinstance(name, str):
            raise TokenRefused("the token names no key (kid)")
        key = self.keys.find(name)
        if key is None:
            raise TokenRefused("the token names a key that is not known")
        try:
            return self._decoded(token, key)
        except MissingRequiredClaimError as error:
            raise TokenRefused(f"the token has no {error.claim}") from None
        except (PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefused(_REASONS.get(type(error), "the token cannot be accepted")) from None

    def _decoded(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm_name],
            issuer=self.issuer,
            audience=self.audience,
            leeway=LEEWAY_S,
            options={"require": ["exp", "sub", "iss", "aud"]},
        )


def _names(claims: Mapping[str, Any], claim: str) -> list[str]:
    """Return the names of roles that are claimed: a list, or words in a text."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split()
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
