"""Writing one object to S3 so that it appears whole or not at all, and never replaces another.

Owns the two ways: one request, or parts that the service joins at the end. Must not know what stands there already.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from calibrant.bus.errors import CalibrantError
from calibrant.runtime.objects.hashing import digest, source
from calibrant.runtime.objects.port import SourceUnreadable
from calibrant.runtime.objects.s3_client import Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

HASH = "sha256"
"""Name of the object's metadata that holds the SHA-256 of its bytes (hexadecimal)."""
_MOST_PARTS = 10_000
_WRITE = "s3:PutObject"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way to one key.

    Parameters
    ----------
    bucket, name
        Where it goes: the bucket, and the whole key there.
    file
        The file.
    media_type
        Its media type.
    """

    bucket: Bucket
    name: str
    file: Path
    media_type: str

    def at_once(self, content: bytes) -> None:
        """Store the bytes by a single request that the service refuses (412) when the key is taken."""
        sha256 = hashlib.sha256(content)
        with self.bucket.told(_WRITE, f"store {self.name}"):
            self.bucket.client.put_object(
                Bucket=self.bucket.name,
                Key=self.name,
                Body=content,
                ContentType=self.media_type,
                IfNoneMatch="*",
                ChecksumSHA256=_base64(sha256.digest()),
                Metadata={HASH: sha256.hexdigest()},
            )

    def in_parts(self, found: tuple[str, int], part_bytes: int) -> None:
        """Store the file part by part; the last request, which makes the object, is refused when the key is taken.

        Parameters
        ----------
        found : tuple
            SHA-256 and size of the file.
        part_bytes : int
            Size of a part; larger for a file that would need too many.

        Raises
        ------
        SourceUnreadable
            The file has changed since it was hashed.
        """
        size = max(part_bytes, -(-found[1] // _MOST_PARTS))
        with self.bucket.told(_WRITE, f"store {self.name}"):
            upload_id = self.bucket.client.create_multipart_upload(
                Bucket=self.bucket.name,
                Key=self.name,
                ContentType=self.media_type,
                ChecksumAlgorithm="SHA256",
                Metadata={HASH: found[0]},
            )["UploadId"]
        try:
            with self.bucket.told(_WRITE, f"store {self.name}"):
                self._join(upload_id, self._parts(upload_id, found, size))
        except BaseException:  # also a cancelled one leaves no parts behind
            with suppress(CalibrantError):  # the first error is the one to tell
                abort(self.bucket, self.name, upload_id)
            raise

    def _parts(self, upload_id: str, found: tuple[str, int], size: int) -> list[CompletedPartTypeDef]:
        parts: list[CompletedPartTypeDef] = []

        def send(content: bytes) -> None:
            answer = self.bucket.client.upload_part(
                Bucket=self.bucket.name,
                Key=self.name,
                UploadId=upload_id,
                PartNumber=len(parts) + 1,
                Body=content,
                ChecksumSHA256=(checksum := _base64(hashlib.sha256(content).digest())),
            )
            parts.append({"PartNumber": len(parts) + 1, "ETag": answer["ETag"], "ChecksumSHA256": checksum})

        if digest(_joined(source(self.file), size), send) != found:
            raise SourceUnreadable(f"{self.file} changed while it was stored; store it again")
        return parts

    def _join(self, upload_id: str, parts: list[CompletedPartTypeDef]) -> None:
        self.bucket.client.complete_multipart_upload(
            Bucket=self.bucket.name,
            Key=self.name,
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},
            IfNoneMatch="*",
        )


def abort(bucket: Bucket, name: str, upload_id: str) -> None:
    """Remove the parts of a write that was given up; one that is gone is no error."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with suppress(ClientError), bucket.told("s3:AbortMultipartUpload", f"abort the write of {name}"):
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=name, UploadId=upload_id)


def _joined(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of one size, which a plain read need not give; the last may be smaller."""
    part = bytearray()
    for piece in pieces:
        part += piece
        while len(part) >= size:
            yield bytes(part[:size])
            del part[:size]
    if part:
        yield bytes(part)


def _base64(digest_bytes: bytes) -> str:
    return base64.b64encode(digest_bytes).decode()
