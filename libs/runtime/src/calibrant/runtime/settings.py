"""Settings that every service has. A service adds its own by inheriting.

Owns names, units and defaults; read from ``CALIBRANT_*`` variables or given by whoever composes.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PlatformSettings(BaseSettings):
    """Where the shared things are: the bus, the object store, the databases, the child processes."""

    model_config = SettingsConfigDict(env_prefix="CALIBRANT_", extra="ignore")

    data_dir: Path = Field(
        default=Path("calibrant-data"),
        description="Folder with scratch space, and with what of bus, databases and objects is embedded.",
    )
    bus: str = Field(
        default="",
        description="The log: kafka://HOST:PORT[,HOST:PORT]; empty: the embedded one in the data folder.",
    )
    bus_username: str = Field(
        default="", description="SASL/SCRAM-SHA-512 user of the log; empty: none is asked for."
    )
    bus_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    bus_ca: Path | None = Field(
        default=None,
        description="File with the certificates (PEM) that the log's brokers are checked against; "
        "given: TLS is used.",
    )
    database: str = Field(
        default="",
        description="postgresql://USER@HOST:PORT/NAME, where each service has a schema of its own; "
        "empty: SQLite files in the data folder.",
    )
    database_password: SecretStr = Field(default=SecretStr(""), description="Password of that user.")
    objects: str = Field(
        default="",
        description="The object store: s3://BUCKET[/PREFIX]; empty: a folder in the data folder.",
    )
    objects_endpoint: str = Field(
        default="", description="URL of the S3 service; empty: that of the region's."
    )
    objects_key_id: str = Field(default="", description="Access key of the object store.")
    objects_secret: SecretStr = Field(default=SecretStr(""), description="Its secret.")
    worker_slots: int = Field(
        default=0, ge=0, description="Child processes that compute; 0: one for each processor core."
    )
    instruments: Path | None = Field(
        default=None,
        description="Folder with further instrument files, beside those that come along; "
        "unset: the folder instruments in the data folder.",
    )

    @property
    def instruments_dir(self) -> Path:
        """Folder with further instrument files; need not exist."""
        return (self.instruments or self.data_dir / "instruments").absolute()


class ServiceSettings(PlatformSettings):
    """Settings of one service's process."""

    host: str = Field(default="127.0.0.1", description="Address the HTTP API listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the HTTP API; 0: any free one.")
    drain_s: float = Field(
        default=30.0,
        ge=0,
        description="Unit: s. How long a SIGTERM waits for work in hand before giving it up.",
    )
