"""Local copies of objects: bounded, shared by processes, checked each time, never gone under a reader."""

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import FolderStore, ObjectDamaged, StoreUnavailable, open_store
from calibrant.runtime.objects.cache import Cache
from calibrant.runtime.objects.s3 import S3Store
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.objects import read_all

LONG_AGO_S = 1_000_000_000


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", 100)


def ref_of(content, key="raw/x"):
    sha256 = hashlib.sha256(content).hexdigest()
    return DataRef(uri=f"objects:{key}", sha256=sha256, size_bytes=len(content), media_type="a/b")


def keep(cache, letter, used_s=None):
    content = letter.encode() * 40
    path = cache.keep(ref_of(content), [content[:7], content[7:]], "the store")
    if used_s is not None:
        os.utime(path, (LONG_AGO_S + used_s, LONG_AGO_S + used_s))
    return path


def test_what_is_kept_is_found_until_it_is_other_bytes(cache):
    path = keep(cache, "a")
    assert cache.find(ref_of(b"a" * 40)) == path
    assert cache.find(ref_of(b"b" * 40)) is None
    path.write_bytes(b"A" * 40)
    assert cache.find(ref_of(b"a" * 40)) is None
    assert keep(cache, "a").read_bytes() == b"a" * 40


def test_other_bytes_than_the_references_are_not_kept(cache):
    with pytest.raises(ObjectDamaged, match="raw/x is damaged: the store has 5 bytes"):
        cache.keep(ref_of(b"a" * 40), [b"a" * 5], "the store")
    assert not list(cache.folder.iterdir())


def test_those_used_longest_ago_go_when_there_are_too_many(cache):
    old, older, oldest = keep(cache, "a", 3), keep(cache, "b", 2), keep(cache, "c", 1)
    assert not oldest.exists() or not older.exists()  # each one is 40 of 100 bytes, so two of them stay
    oldest = keep(cache, "c", 1)
    assert cache.find(ref_of(b"c" * 40)) == oldest  # which makes it the one used last
    keep(cache, "d")
    assert oldest.exists()
    assert not old.exists()
    assert not older.exists()


def test_what_was_handed_out_a_moment_ago_stays_although_there_are_too_many(cache):
    paths = [keep(cache, letter) for letter in "abcdef"]
    assert all(path.exists() for path in paths)
    assert sum(path.stat().st_size for path in paths) > cache.limit_bytes


def test_a_reader_that_has_opened_a_file_reads_it_to_its_end(cache):
    path = keep(cache, "a", 1)
    with path.open("rb") as reader:
        hurried = replace(cache, limit_bytes=0)
        keep(hurried, "b")
        assert not path.exists()
        assert reader.read() == b"a" * 40


def test_what_a_killed_process_was_fetching_is_removed_later(cache):
    keep(cache, "a")
    left, under_way = cache.folder / ".0123.part", cache.folder / ".4567.part"
    for path in (left, under_way):
        path.write_bytes(b"a")
    os.utime(left, (LONG_AGO_S, LONG_AGO_S))
    keep(cache, "b")
    assert not left.exists()
    assert under_way.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("where the folder should be")
    with pytest.raises(StoreUnavailable, match=r"local copies in .*: cannot keep objects:raw/x"):
        keep(Cache(tmp_path / "file", 100), "a")


def test_processes_share_one_folder_that_is_always_too_small(s3, tmp_path):
    store = s3.store(tmp_path / "cache")
    refs = []
    for number in range(10):
        file = tmp_path / f"{number}"
        file.write_bytes(os.urandom(100_000))
        refs.append(store.put_if_absent(f"raw/{number}", file, "a/b"))
        if number % 2:  # so that one process removes what the other is about to use
            os.utime(store.local_path(refs[-1]), (LONG_AGO_S, LONG_AGO_S))
    store = replace(store, cache=replace(store.cache, limit_bytes=0))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = [pool.submit(read_all, store, order, 5) for order in (refs, refs[::-1])]
        for order, read in zip((refs, refs[::-1]), done, strict=True):
            hashes = [hashlib.sha256(content).hexdigest() for content in read.result()]
            assert hashes == [ref.sha256 for ref in order] * 5
    assert not list(store.cache.folder.glob(".*.part"))


def test_the_settings_choose_the_store(tmp_path, s3):
    assert open_store(PlatformSettings(data_dir=tmp_path)) == FolderStore(tmp_path / "objects")
    bucket = s3.create_bucket()
    settings = PlatformSettings(
        data_dir=tmp_path,
        objects=f"s3://{bucket.name}/site/one/",
        objects_endpoint=bucket.endpoint,
        objects_key_id=bucket.key_id,
        objects_secret=bucket.secret,
        objects_cache_bytes=1000,
    )
    store = open_store(settings)
    assert store == S3Store(bucket, "site/one", Cache(tmp_path / "objects-cache", 1000))
    store.check()
    assert store.locate("objects:raw/x") == f"s3://{bucket.name}/site/one/raw/x"
