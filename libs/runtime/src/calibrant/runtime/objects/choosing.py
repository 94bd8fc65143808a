"""Which object store: what the settings name. Owns the choice; opens no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant.runtime import addresses
from calibrant.runtime.objects.cache import Cache
from calibrant.runtime.objects.folder import FolderStore
from calibrant.runtime.objects.outside import FrameFolders
from calibrant.runtime.objects.port import ObjectStore
from calibrant.runtime.objects.s3 import S3Store
from calibrant.runtime.objects.s3_client import Bucket

if TYPE_CHECKING:  # a child process that computes needs no settings
    from calibrant.runtime.settings import PlatformSettings


def open_store(settings: PlatformSettings) -> ObjectStore:
    """Return the object store that the settings name: a bucket of an S3 service, or a folder in the data folder."""
    data_dir, outside = settings.data_dir.absolute(), FrameFolders(settings.frame_folders_allowed)
    if not settings.objects:
        return FolderStore(data_dir / "objects", outside)
    place = addresses.bucket(settings.objects)
    bucket = Bucket(place.name, settings.objects_endpoint, settings.objects_key_id, settings.objects_secret)
    cache = Cache(data_dir / "objects-cache", settings.objects_cache_bytes)
    return S3Store(bucket, place.prefix, cache, outside=outside)
