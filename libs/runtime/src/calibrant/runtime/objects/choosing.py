"""Which object store: what the settings name. Owns the choice and its defaults; opens no connection."""

from __future__ import annotations

from calibrant.runtime.objects.cache import Cache
from calibrant.runtime.objects.folder import FolderStore
from calibrant.runtime.objects.port import ObjectStore
from calibrant.runtime.objects.s3 import S3Store
from calibrant.runtime.objects.s3_client import Bucket
from calibrant.runtime.settings import PlatformSettings


def open_store(settings: PlatformSettings) -> ObjectStore:
    """Return the object store that the settings name: an S3 bucket, or a folder in the data folder."""
    data_dir = settings.data_dir.absolute()
    if not settings.objects:
        return FolderStore(data_dir / "objects")
    name, _, prefix = settings.objects.removeprefix("s3://").partition("/")
    bucket = Bucket(name, settings.objects_endpoint, settings.objects_key_id, settings.objects_secret)
    cache = Cache(data_dir / "objects-cache", settings.objects_cache_bytes)
    return S3Store(bucket, prefix.strip("/"), cache)
