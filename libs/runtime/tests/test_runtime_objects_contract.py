"""Both object stores keep the one contract: a folder, and a bucket of a real HTTP service."""

import pytest

from calibrant.runtime.objects import FolderStore
from calibrant.runtime.testing.objects import ObjectStoreContract

MIB = 1 << 20


class TestFolder(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return FolderStore(tmp_path / "objects")

    def spoil(self, store, key, content):
        (store.root / key).write_bytes(content)


class TestS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3, tmp_path):
        return s3.store(tmp_path / "cache", prefix="calibrant/data", threshold_bytes=MIB, part_bytes=5 * MIB)

    def spoil(self, store, key, content):
        name = f"{store.prefix}/{key}"
        store.bucket.client.put_object(Bucket=store.bucket.name, Key=name, Body=content)
