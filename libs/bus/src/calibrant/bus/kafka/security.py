"""Who we are to the brokers, and how we know that they are ours.

Owns the credentials and what a client is told of them. Must not know what a service may do: that is in `access`.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibrant.bus.errors import AccessDenied

MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Credentials for Kafka.

    Parameters
    ----------
    username
        SASL/SCRAM-SHA-512 user; empty: none is asked for.
    password
        Its password; never shown.
    ca
        File with the certificates (PEM) that the brokers are checked against; given: TLS is used.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None

    def client_arguments(self) -> dict[str, Any]:
        """Give what every client is told.

        Raises
        ------
        AccessDenied
            The file with the certificates cannot be read.
        """
        arguments: dict[str, Any] = {"security_protocol": self._protocol()}
        if self.username:
            arguments |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.ca is not None:
            arguments["ssl_context"] = _trusting(self.ca)
        return arguments

    def _protocol(self) -> str:
        transport = "PLAINTEXT" if self.ca is None else "SSL"
        return f"SASL_{transport}" if self.username else transport


def _trusting(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise AccessDenied(f"{ca} cannot be used to check the brokers' certificates: {error}") from error
