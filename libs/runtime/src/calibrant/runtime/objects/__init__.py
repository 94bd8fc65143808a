"""The object store: immutable bytes under keys, and references whose hash is checked on every read.

Owns the port, its errors and two adapters: a folder, and an S3 service (whose packages are imported when one is
opened). Each prefix ("raw", "frames", "products" ...) has one owning service.
"""

from calibrant.runtime.objects.choosing import open_store
from calibrant.runtime.objects.folder import FolderStore
from calibrant.runtime.objects.hashing import file_hash
from calibrant.runtime.objects.outside import FrameFolders
from calibrant.runtime.objects.port import (
    FileForbidden,
    KeyRefused,
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    ObjectStore,
    SourceUnreadable,
    StoreRefused,
    StoreUnavailable,
)

__all__ = [
    "FileForbidden",
    "FolderStore",
    "FrameFolders",
    "KeyRefused",
    "ObjectDamaged",
    "ObjectExists",
    "ObjectMissing",
    "ObjectStore",
    "SourceUnreadable",
    "StoreRefused",
    "StoreUnavailable",
    "file_hash",
    "open_store",
]
