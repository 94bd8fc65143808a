"""Who issues tokens, for tests: real keys, their JSON Web Key Set, tokens right and wrong. Owns no expectations."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NAME = "https://issuer.example"
AUDIENCE = "calibrant"
_WRITERS: Final[dict[str, Any]] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


class Issuer:
    """Issues tokens for an audience, with a key of each kind that is accepted, named as its algorithm."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }

    def key_set(self) -> dict[str, Any]:
        """Return the public keys."""
        return {
            "keys": [
                {**_WRITERS[name].to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
                for name, key in self.keys.items()
            ]
        }

    def write(self, file: Path) -> Path:
        """Write the public keys into a file and return it."""
        file.write_text(json.dumps(self.key_set()))
        return file

    def token(self, *roles: str, algorithm: str = "ES256", key: Any = None, **claims: Any) -> str:
        """Return a token that is good for ten minutes, but for what is said otherwise; a claim of None is left out."""
        now = int(time.time())
        said = {
            "sub": "alice",
            "iss": NAME,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "roles": list(roles),
        } | claims
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, key or self.keys[algorithm], algorithm, headers={"kid": algorithm})

    def settings(self, file: Path) -> dict[str, str]:
        """Return the settings of a service that takes these tokens."""
        return {"auth_jwks": str(self.write(file)), "auth_issuer": NAME, "auth_audience": AUDIENCE}
