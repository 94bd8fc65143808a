"""Settings that every service has. A service adds its own by inheriting.

Owns names, units and defaults; read from ``CALIBRANT_*`` variables, from the files of a folder of secrets, or given
by whoever composes. Repeats no secret, nor an address that may hold one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from calibrant.bus.errors import PermanentError
from calibrant.runtime import addresses
from calibrant.runtime.telemetry.logs import Form, Level

S = TypeVar("S", bound=BaseSettings)


class WrongSetting(PermanentError):
    """Settings cannot be used; the text names them."""


class SecretsMissing(WrongSetting):
    """The folder with secrets is none."""


_LAST_PORT = 65535
MAX_BODY_BYTES: Final = 1 << 20
"""Largest body of a request over HTTP, unless it is set otherwise."""


def _upper(level: Any) -> Any:
    return level.upper() if isinstance(level, str) else level


def _folders(given: Any) -> Any:
    if isinstance(given, str):
        given = tuple(Path(part) for part in given.split(os.pathsep) if part)
    if relative := [str(folder) for folder in given or () if not Path(folder).is_absolute()]:
        raise ValueError(f"{relative[0]!r} is not a full path; give folders that begin with /")
    return given


class LogSettings(BaseSettings):
    """How a process logs."""

    model_config = SettingsConfigDict(env_prefix="CALIBRANT_", extra="ignore", hide_input_in_errors=True)

    log_level: Annotated[Level, BeforeValidator(_upper)] = Field(
        default="INFO", description="Lowest level logged: DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    log_format: Form = Field(
        default="text", description="text, for people; json: an object a line, for programs."
    )


class PlatformSettings(LogSettings):
    """Where the shared things are: the bus, the object store, the databases, the child processes."""

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
    bus_replication: int | None = Field(
        default=None,
        ge=1,
        description="On how many brokers each topic that is made is kept; unset: the brokers' default.",
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
    objects_cache_bytes: int = Field(
        default=20 << 30,
        ge=0,
        description="Unit: byte. How much of an S3 store is kept as local copies in the data folder; "
        "what was asked for in the last ten minutes stays beyond it.",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder with a file for each secret, named as its variable, such as "
        "CALIBRANT_DATABASE_PASSWORD; a variable goes before a file.",
    )
    otlp_endpoint: str = Field(
        default="",
        description="Where traces go, by OTLP over HTTP: http://HOST:PORT of a collector; empty: nowhere.",
    )
    worker_slots: int = Field(
        default=0, ge=0, description="Child processes that compute; 0: one for each processor core."
    )
    job_let_go_s: float = Field(
        default=10.0,
        gt=0,
        description="Unit: s. How long all child processes may be busy, while jobs wait that are ours, before these "
        "are left to other processes of the service.",
    )
    job_lease_s: float = Field(
        default=20.0,
        gt=0,
        description="Unit: s. How long after the last word of a process on another machine its jobs are taken over.",
    )
    job_limit_s: float = Field(
        default=14400.0,
        ge=0,
        description="Unit: s. How long one attempt at a job may compute before its child process is ended; "
        "0: for ever.",
    )
    frame_folders: Annotated[tuple[Path, ...] | None, NoDecode, BeforeValidator(_folders)] = Field(
        default=None,
        description="Folders below which files may be taken in, full paths with colons between; unset: any with the "
        "embedded log, none with another.",
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

    @property
    def frame_folders_allowed(self) -> tuple[Path, ...] | None:
        """Folders below which files may be taken in; None: any, as on one machine whose user gives all orders."""
        return () if self.frame_folders is None and self.bus else self.frame_folders

    @field_validator("bus", "database", "objects", "objects_endpoint", "otlp_endpoint")
    @classmethod
    def _address(cls, text: str, info: ValidationInfo) -> str:
        if text:
            _GRAMMAR[str(info.field_name)](text)
        return text

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is given, then variables, then the files of the folder with secrets.

        Raises
        ------
        SecretsMissing
            There is no such folder.
        """
        sources = (init_settings, env_settings, dotenv_settings)
        folder = init_settings().get("secrets_dir") or os.environ.get("CALIBRANT_SECRETS_DIR")
        if not folder:
            return sources
        if not Path(folder).is_dir():
            raise SecretsMissing(f"setting secrets_dir: there is no folder {folder}")
        return (*sources, SecretsSettingsSource(settings_cls, secrets_dir=folder))


_GRAMMAR: Final[Mapping[str, Callable[[str], object]]] = {
    "bus": addresses.brokers,
    "database": addresses.server,
    "objects": addresses.bucket,
    "objects_endpoint": addresses.endpoint,
    "otlp_endpoint": addresses.endpoint,
}


class ServiceSettings(PlatformSettings):
    """Settings of one service's process."""

    host: str = Field(default="127.0.0.1", description="Address the HTTP API listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the HTTP API; 0: any free one.")
    address: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="URL that others reach the HTTP API under, where they are told of it; empty: where it listens.",
    )
    ops_host: str = Field(
        default="",
        description="Address that probes and metrics are served on, without credentials; empty: as host.",
    )
    ops_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of probes and metrics; 0: any free one; unset: the port after that of the HTTP API.",
    )
    max_body_bytes: int = Field(
        default=MAX_BODY_BYTES,
        ge=1024,
        description="Unit: byte. Largest body of a request over HTTP; a larger one is answered 413 without being read.",
    )
    auth_jwks: str = Field(
        default="",
        description="The public keys (JSON Web Key Set) that bearer tokens are checked with: a file, an https:// URL, "
        "or an http:// URL on loopback. Empty: no credential is asked for, which only an API on loopback may do.",
    )
    auth_issuer: str = Field(default="", description="Who must have issued a token: its claim iss.")
    auth_audience: str = Field(default="", description="Whom a token must be for: its claim aud.")
    auth_roles_claim: str = Field(
        default="roles",
        description="Claim of a token with its bearer's roles (viewer, operator, certifier, admin): a list or words; "
        "one within another claim as OUTER.INNER.",
    )
    drain_s: float = Field(
        default=30.0,
        ge=0,
        description="Unit: s. How long a SIGTERM waits for work in hand before giving it up.",
    )

    def listening(self, url: str) -> Self:
        """Return the settings of a process that listens under a URL: where no address is set, others are told that."""
        return self if self.address else self.model_copy(update={"address": url})

    @property
    def ops_address(self) -> tuple[str, int]:
        """Address and port that probes and metrics are served on."""
        beside = self.port + 1 if 0 < self.port < _LAST_PORT else 0
        return self.ops_host or self.host, beside if self.ops_port is None else self.ops_port


def chosen(settings_type: type[S], **given: Any) -> S:
    """Return settings, those given before those of variables and files.

    Raises
    ------
    WrongSetting
        The text names each that is wrong, with what was given where it may be shown.
    """
    try:
        return settings_type(**given)
    except ValidationError as error:
        raise WrongSetting("; ".join(map(_fault, error.errors()))) from None
    except SettingsError as error:
        raise WrongSetting(f"settings: {error}") from None


def _fault(wrong: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in wrong["loc"])
    if wrong["type"] == "value_error":  # in words of our own, of an address that may hold a password
        return f"setting {name}: {wrong['msg'].removeprefix('Value error, ')}"
    return f"setting {name}: {wrong['msg']} (given: {wrong['input']!r})"
