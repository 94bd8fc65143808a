"""A broker that lets nobody in without a password, and nobody do what was not granted.

Owns users, certificate and the properties that switch this on. For tests only: the passwords are made up anew each time.
"""

import secrets
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from calibrant.bus.testing.broker.distribution import run_tool
from calibrant.bus.testing.broker.ports import LOOPBACK

ADMIN: Final = "admin"
MECHANISM: Final = "SCRAM-SHA-512"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"


class Guard:
    """The users of a broker and its certificate.

    Parameters
    ----------
    users
        Names beside the operator's, `ADMIN`, who may do everything.

    Attributes
    ----------
    passwords : mapping
        By name.
    """

    def __init__(self, users: Collection[str]) -> None:
        self.passwords: Mapping[str, str] = {name: secrets.token_hex(12) for name in (ADMIN, *users)}
        self._data = Path()

    @property
    def ca(self) -> Path:
        """The certificate that clients check the broker against."""
        return self._data / "broker.crt"

    @property
    def scram(self) -> list[str]:
        """The arguments with which a folder is formatted, so that the users are there from the start."""
        return [
            f"--add-scram={MECHANISM}=[name={name},password={password}]"
            for name, password in self.passwords.items()
        ]

    def prepare(self, data: Path) -> dict[str, str]:
        """Make certificate and operator's settings in the broker's folder; give the broker's properties."""
        self._data = data
        if not self.ca.exists():
            _certify(data)
        (data / "operator.properties").write_text(self._operator())
        keys = data / "broker.pem"
        return {
            "listener.security.protocol.map": "CLIENT:SASL_SSL,PROXIED:SASL_SSL,CONTROLLER:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": self._login(_PLAIN, f"user_{ADMIN}"),
            "listener.name.client.scram-sha-512.sasl.jaas.config": self._login(_SCRAM),
            "listener.name.proxied.scram-sha-512.sasl.jaas.config": self._login(_SCRAM),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keys),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN}",
        }

    def grant(self, servers: str, arguments: Collection[str]) -> None:
        """Run Kafka's own tool for access with the operator's credentials."""
        settings = str(self._data / "operator.properties")
        run_tool(
            "org.apache.kafka.tools.AclCommand",
            *("--bootstrap-server", servers, "--command-config", settings),
            *arguments,
        )

    def _operator(self) -> str:
        return (
            f"security.protocol=SASL_SSL\nsasl.mechanism={MECHANISM}\n"
            f"sasl.jaas.config={self._login(_SCRAM)}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={self.ca}\n"
        )

    def _login(self, module: str, *more: str) -> str:
        password = self.passwords[ADMIN]
        words = [f'username="{ADMIN}"', f'password="{password}"', *(f'{name}="{password}"' for name in more)]
        return f"{module} required {' '.join(words)};"


def _certify(data: Path) -> None:
    """Make a certificate for the loopback that is its own authority."""
    key, certificate = data / "broker.key", data / "broker.crt"
    subprocess.run(  # noqa: S603
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=calibrant test broker", "-addext", f"subjectAltName=IP:{LOOPBACK}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    (data / "broker.pem").write_text(key.read_text() + certificate.read_text())
