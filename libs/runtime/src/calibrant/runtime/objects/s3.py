"""The object store in a bucket of an S3 service: keys written once by conditional puts, read through local copies.

Owns what lies below its prefix. Nothing of a connection is in its state, so child processes can be given it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects.cache import Cache
from calibrant.runtime.objects.hashing import digest, file_hash, source
from calibrant.runtime.objects.keys import checked, fault_of, split
from calibrant.runtime.objects.outside import ANYWHERE, FrameFolders
from calibrant.runtime.objects.port import ObjectExists, SourceUnreadable, StoreUnavailable
from calibrant.runtime.objects.s3_client import Bucket
from calibrant.runtime.objects.s3_download import content, head, standing
from calibrant.runtime.objects.s3_upload import Upload, abort

_LIST, _LIST_UPLOADS = "s3:ListBucket", "s3:ListBucketMultipartUploads"
_WRITE, _DELETE = "s3:PutObject", "s3:DeleteObject"


@dataclass(frozen=True, slots=True)
class S3Store:
    """An object store in a bucket.

    Parameters
    ----------
    bucket
        The bucket and how it is reached.
    prefix
        What all keys begin with there, without a slash at its end; empty: nothing.
    cache
        Where local copies lie.
    threshold_bytes
        A larger file is sent in parts.
    part_bytes
        Size of a part; the services want at least 5 MiB.
    outside
        Where files outside the store may be read.
    """

    bucket: Bucket
    prefix: str
    cache: Cache
    threshold_bytes: int = 64 << 20
    part_bytes: int = 16 << 20
    outside: FrameFolders = ANYWHERE

    def put_if_absent(self, key: str, file: Path, media_type: str) -> DataRef:
        """Store a file's bytes under a key; see the port."""
        name = self._name(key)
        found, whole = self._read(file)
        there = standing(self.bucket, name) or self._put(
            Upload(self.bucket, name, file, media_type), found, whole
        )
        if there != found:
            raise ObjectExists(f"object {key} exists with other bytes; keys are written once")
        return DataRef(uri=f"objects:{key}", sha256=found[0], size_bytes=found[1], media_type=media_type)

    def local_path(self, ref: DataRef) -> Path:
        """Return a local copy of an object, or the file behind ``file:PATH``, after checking it; see the port."""
        kind, rest = split(ref.uri)
        if kind == "file":
            return self.outside.local_path(ref, Path(rest))
        known = self.cache.find(ref)
        if known is not None:
            return known
        pieces = content(self.bucket, self._name(rest), ref.size_bytes)
        return self.cache.keep(ref, pieces, self.locate(ref.uri))

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        return head(self.bucket, self._name(key)) is not None

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, sorted; what is there under names that are no keys is passed over."""
        yield from (key for key in self._listed(f"{self._name(prefix)}/") if not fault_of(key))

    def delete(self, key: str) -> None:
        """Remove an object; a local copy stays until its room is needed."""
        name = self._name(key)
        with self.bucket.told(_DELETE, f"delete {name}"):
            self.bucket.client.delete_object(Bucket=self.bucket.name, Key=name)

    def discard(self, beginning: str) -> None:
        """Remove objects whose keys begin so, and the parts of writes that were cut off; see the port."""
        start = self._name(beginning)
        for key in self._listed(start):
            if "/" not in key[len(beginning) :]:
                self.delete(key)
        with self.bucket.told(_LIST_UPLOADS, f"list unfinished writes of {start}"):
            pages = self.bucket.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.bucket.name, Prefix=start):
                for one in page.get("Uploads", []):
                    if one["Key"].startswith(start) and "/" not in one["Key"][len(start) :]:
                        abort(self.bucket, one["Key"], one["UploadId"])

    def locate(self, uri: str) -> str:
        """Return the s3:// address of an object, or the path of a file, for people."""
        kind, rest = split(uri)
        return rest if kind == "file" else f"s3://{self.bucket.name}/{self._name(rest)}"

    def check(self) -> None:
        """Make sure that the bucket is there, lists, and takes writes: one is begun and given up."""
        name = self._name("startup-check")
        with self.bucket.told(_LIST, "list it"):
            self.bucket.client.list_objects_v2(Bucket=self.bucket.name, Prefix=name, MaxKeys=1)
        with self.bucket.told(_WRITE, "begin a write"):
            upload = self.bucket.client.create_multipart_upload(Bucket=self.bucket.name, Key=name)
        abort(self.bucket, name, upload["UploadId"])

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{checked(key)}" if self.prefix else checked(key)

    def _read(self, file: Path) -> tuple[tuple[str, int], bytes | None]:
        """Return hash and size of a file, and its bytes too when they are sent at once."""
        try:
            if file.stat().st_size > self.threshold_bytes:
                return file_hash(file), None
        except OSError as error:
            raise SourceUnreadable(f"{file} cannot be read: {error.strerror}") from error
        whole = b"".join(source(file))
        return digest([whole]), whole

    def _put(self, upload: Upload, found: tuple[str, int], whole: bytes | None) -> tuple[str, int]:
        """Write, and return what stands there then: somebody may have been faster."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            if whole is None:
                upload.in_parts(found, self.part_bytes)
            else:
                upload.at_once(whole)
        except ClientError as error:  # also when it was we, and the answer was lost
            there = standing(self.bucket, upload.name)
            if there is None:
                raise StoreUnavailable(f"{upload.name}: {error}; it is tried again") from error
            return there
        return found

    def _listed(self, start: str) -> Iterator[str]:
        """Yield the keys, without the prefix, whose names in the bucket begin so."""
        with self.bucket.told(_LIST, f"list {start}"):
            pages = self.bucket.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket.name, Prefix=start):
                for one in page.get("Contents", []):
                    yield one["Key"].removeprefix(f"{self.prefix}/" if self.prefix else "")
