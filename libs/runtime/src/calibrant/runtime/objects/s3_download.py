"""Reading one object from S3: what stands under a name, and its bytes, which end in bounded time and size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from calibrant.runtime.objects.hashing import CHUNK, digest
from calibrant.runtime.objects.port import ObjectDamaged, ObjectMissing, StoreUnavailable
from calibrant.runtime.objects.s3_client import MISSING, Bucket, code_of
from calibrant.runtime.objects.s3_upload import HASH

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_LEAST_BYTES_PER_S = 1 << 18
_READ = "s3:GetObject"


def standing(bucket: Bucket, name: str) -> tuple[str, int] | None:
    """Return SHA-256 and size of the object under a name; None when there is none."""
    answer = head(bucket, name)
    if answer is None:
        return None
    size = answer["ContentLength"]
    if recorded := answer["Metadata"].get(HASH):
        return recorded, size
    return digest(content(bucket, name, size))  # somebody else put it there


def head(bucket: Bucket, name: str) -> HeadObjectOutputTypeDef | None:
    """Return what is said of the object under a name; None when there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        with bucket.told(f"{_READ} and s3:ListBucket", f"look for {name}"):
            return bucket.client.head_object(Bucket=bucket.name, Key=name)
    except ClientError as error:
        if code_of(error) in MISSING:
            return None
        raise


def content(bucket: Bucket, name: str, size: int) -> Iterator[bytes]:
    """Yield the bytes of an object.

    Parameters
    ----------
    bucket, name
        Where it is.
    size : int
        Unit: byte. How large it should be.

    Raises
    ------
    ObjectMissing
        Nothing is there.
    ObjectDamaged
        It has another size.
    StoreUnavailable
        The service is away, or too slow: less than 256 KiB in a second.
    """
    until = time.monotonic() + bucket.read_s + size / _LEAST_BYTES_PER_S
    answer = _get(bucket, name)
    # `read` waits for all that it is asked for, however slowly it comes; only the raw stream gives what is there.
    raw = answer["Body"]._raw_stream  # type: ignore[attr-defined]  # noqa: SLF001
    with closing(answer["Body"]), bucket.told(_READ, f"read {name}"):
        if answer["ContentLength"] != size:
            found = f"{answer['ContentLength']} bytes, expected {size}"
            raise ObjectDamaged(f"s3://{bucket.name}/{name} is damaged: it has {found}")
        left = size
        while left > 0:
            piece = raw.read1(CHUNK)
            if not piece:
                raise StoreUnavailable(f"s3://{bucket.name}/{name}: its bytes end early; it is tried again")
            left -= len(piece)
            yield piece
            if time.monotonic() > until:
                raise StoreUnavailable(
                    f"s3://{bucket.name}/{name}: its bytes come too slowly; it is tried again"
                )


def _get(bucket: Bucket, name: str) -> GetObjectOutputTypeDef:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        with bucket.told(_READ, f"read {name}"):
            return bucket.client.get_object(Bucket=bucket.name, Key=name)
    except ClientError as error:
        if code_of(error) in MISSING:
            raise ObjectMissing(f"s3://{bucket.name}/{name} is missing") from None
        raise
