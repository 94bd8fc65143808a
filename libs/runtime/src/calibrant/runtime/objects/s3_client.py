"""A bucket of an S3 service: how it is reached, and what its errors mean. Must not know keys or hashes.

boto3 is imported when the first client is made: whoever keeps objects in a folder does not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import SecretStr

from calibrant.runtime.objects.port import StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3.client import S3Client

_BUSY = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "ConditionalRequestConflict"}
_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and who asks. Plain values, so that it can be sent to a child process; its text shows no secret.

    Parameters
    ----------
    name
        The bucket.
    endpoint
        URL of the service; empty: that of the region's.
    key_id, secret
        Credentials; empty: those that boto3 finds (environment, files, the role of the machine).
    connect_s, read_s
        Unit: s. How long a connection, and then each piece of an answer, is waited for.
    """

    name: str
    endpoint: str = ""
    key_id: str = ""
    secret: SecretStr = field(default=SecretStr(""))
    connect_s: float = 5.0
    read_s: float = 30.0

    @property
    def client(self) -> S3Client:
        """The client of this process; threads may share it.

        Raises
        ------
        StoreRefused
            The endpoint is no URL.
        """
        return _client(self)

    @contextmanager
    def told(self, right: str, what: str) -> Iterator[None]:
        """Turn the service's errors into the port's; those that mean an answer (404, 412) pass for the caller.

        Parameters
        ----------
        right : str
            The right that the call needs, such as ``s3:PutObject``.
        what : str
            What was tried, for the text: "store raw/x".

        Raises
        ------
        StoreUnavailable
            The service is away, slow or busy.
        StoreRefused
            It will not do it later either: the bucket, the right, the credentials.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield
        except ClientError as error:
            if code_of(error) in ANSWERS:
                raise
            raise self._translated(error, right, what) from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise self._failure(error, what) from error

    def _translated(self, error: ClientError, right: str, what: str) -> StoreRefused | StoreUnavailable:
        code, status = code_of(error), status_of(error)
        if code == "NoSuchBucket":
            return StoreRefused(
                f"there is no bucket {self.name}{self._at}: make it or correct the setting objects"
            )
        if status in {401, 403}:
            who = f"key {self.key_id}" if self.key_id else "the credentials found"
            return StoreRefused(
                f"bucket {self.name}{self._at}: cannot {what}: refused to {who} ({code}). "
                f"Grant {right}, or correct objects_key_id and objects_secret"
            )
        if status != 501 and (code in _BUSY or status >= 500 or status == 429):
            return StoreUnavailable(f"bucket {self.name}{self._at}: cannot {what}: {code}; it is tried again")
        return StoreRefused(f"bucket {self.name}{self._at}: cannot {what}: {code} ({status})")

    def _failure(self, error: Exception, what: str) -> StoreRefused | StoreUnavailable:
        from botocore import exceptions as kinds  # noqa: PLC0415

        text = f"bucket {self.name}{self._at}: cannot {what}: {error}"
        if isinstance(error, (kinds.NoCredentialsError, kinds.PartialCredentialsError)):
            return StoreRefused(f"{text}. Set CALIBRANT_OBJECTS_KEY_ID and CALIBRANT_OBJECTS_SECRET")
        lasting = isinstance(error, kinds.ParamValidationError)
        return StoreRefused(text) if lasting else StoreUnavailable(text)

    @property
    def _at(self) -> str:
        return f" at {self.endpoint}" if self.endpoint else ""


ANSWERS = frozenset({"404", "NoSuchKey", "412", "PreconditionFailed", "NoSuchUpload"})
"""Codes that say how things stand rather than that something went wrong."""
MISSING = frozenset({"404", "NoSuchKey"})


def code_of(error: ClientError) -> str:
    """Return the service's word for an error; for a HEAD, which has no words, its status."""
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


@lru_cache(maxsize=8)
def _client(bucket: Bucket) -> S3Client:
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.session.Session()
    config = Config(
        connect_timeout=bucket.connect_s,
        read_timeout=bucket.read_s,
        retries={"mode": "standard", "total_max_attempts": 2},  # whoever calls waits and tries again
        max_pool_connections=_CONNECTIONS,
        request_checksum_calculation="when_required",  # services other than Amazon's know no trailing ones
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if bucket.endpoint else "auto"},
    )
    try:
        return session.client(
            "s3",
            endpoint_url=bucket.endpoint or None,
            aws_access_key_id=bucket.key_id or None,
            aws_secret_access_key=bucket.secret.get_secret_value() or None,
            region_name=session.region_name or "us-east-1",
            config=config,
        )
    except ValueError as error:
        raise StoreRefused(
            f"setting objects_endpoint: {error}; give a URL such as http://HOST:PORT"
        ) from error
