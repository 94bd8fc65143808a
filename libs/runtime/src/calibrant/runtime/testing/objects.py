"""The whole contract of the object store, for an adapter to pass.

Owns the expectations that the port states. In the adapter's tests::

    class TestFolder(ObjectStoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            return FolderStore(tmp_path / "objects")

        def spoil(self, store, key, content):
            (store.root / key).write_bytes(content)

A store may be shared by several tests only if each has its own keys; these all write below "raw".
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import (
    KeyRefused,
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    ObjectStore,
    SourceUnreadable,
)

TRICKS = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "raw/../../x",
    "raw/..",
    "raw//x",
    "raw/./x",
    ".",
    "raw/",
    "raw/.hidden",
    "raw\\..\\x",
    "raw/x\0.fits",
    "raw/x\n",
    "raw/\u202egnp",
    "raw/\ud800",
    "x" * 201,
    "é" * 101,
    "/".join(["x" * 100] * 11),
]
"""Keys that are none."""
ODD = ["raw/é ü.fits", "raw/a+b&c=d?e#f", "raw/100%25", "raw/~'\"<>|*", "raw/" + "x" * 200]
"""Keys that are unusual, and good."""
LARGE = 11 << 20
"""Unit: byte. An adapter that sends large files in parts should do so for one of this size."""


class Writing:
    """What is written, and under which keys."""

    def test_what_was_put_is_read_with_its_hash(self, store: ObjectStore, source: Path) -> None:
        """The reference names key, hash, size and media type, and leads back to the bytes."""
        ref = store.put_if_absent("raw/a/x.fits", source, "image/fits")
        sha256 = hashlib.sha256(b"some bytes").hexdigest()
        assert ref == DataRef(
            uri="objects:raw/a/x.fits", sha256=sha256, size_bytes=10, media_type="image/fits"
        )
        assert store.local_path(ref).read_bytes() == b"some bytes"
        assert store.exists("raw/a/x.fits")
        assert not store.exists("raw/a")
        assert store.locate(ref.uri).endswith("/raw/a/x.fits")

    def test_the_same_bytes_again_are_no_change(self, store: ObjectStore, source: Path) -> None:
        """Work that is done again finds its file there."""
        ref = store.put_if_absent("raw/x", source, "a/b")
        assert store.put_if_absent("raw/x", source, "a/b") == ref
        assert list(store.keys("raw")) == ["raw/x"]

    def test_other_bytes_are_refused_and_the_first_stay(self, store: ObjectStore, source: Path) -> None:
        """A key is written once."""
        ref = store.put_if_absent("raw/x", source, "a/b")
        source.write_bytes(b"other bytes")
        with pytest.raises(ObjectExists, match=r"raw/x exists with other bytes; keys are written once"):
            store.put_if_absent("raw/x", source, "a/b")
        assert store.local_path(ref).read_bytes() == b"some bytes"

    @pytest.mark.parametrize("size", [0, LARGE], ids=["empty", "large"])
    def test_a_file_of_any_size_is_read_as_it_was(self, store: ObjectStore, source: Path, size: int) -> None:
        """Nothing depends on whether a file is sent at once or in parts."""
        content = os.urandom(size)
        source.write_bytes(content)
        ref = store.put_if_absent("raw/x", source, "a/b")
        assert (ref.sha256, ref.size_bytes) == (hashlib.sha256(content).hexdigest(), size)
        assert store.local_path(ref).read_bytes() == content
        assert store.put_if_absent("raw/x", source, "a/b") == ref
        source.write_bytes(content + b"x")
        with pytest.raises(ObjectExists):
            store.put_if_absent("raw/x", source, "a/b")

    @pytest.mark.parametrize("size", [100, LARGE], ids=["small", "large"])
    def test_of_many_who_put_at_once_one_stays(self, store: ObjectStore, tmp_path: Path, size: int) -> None:
        """Whoever was told so finds its own bytes there, and all others are refused."""
        files = [tmp_path / f"writer-{number}" for number in range(6)]
        for file in files:
            file.write_bytes(os.urandom(size))

        def put(file: Path) -> DataRef | None:
            try:
                return store.put_if_absent("raw/x", file, "a/b")
            except ObjectExists:
                return None

        with ThreadPoolExecutor(len(files)) as pool:
            refs = list(pool.map(put, files))
        [(winner, ref)] = [(file, ref) for file, ref in zip(files, refs, strict=True) if ref is not None]
        assert store.local_path(ref).read_bytes() == winner.read_bytes()

    def test_many_who_put_the_same_at_once_all_succeed(self, store: ObjectStore, source: Path) -> None:
        """Two workers with one job do not hinder each other."""
        with ThreadPoolExecutor(6) as pool:
            refs = list(pool.map(lambda _: store.put_if_absent("raw/x", source, "a/b"), range(6)))
        assert len({ref.sha256 for ref in refs}) == 1
        assert list(store.keys("raw")) == ["raw/x"]

    def test_a_source_that_is_not_there_is_the_sources_fault(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        """It is not taken for a store that is away, which is waited for."""
        with pytest.raises(SourceUnreadable, match=r"gone\.bin cannot be read: No such file"):
            store.put_if_absent("raw/x", tmp_path / "gone.bin", "a/b")
        assert not list(store.keys("raw"))

    @pytest.mark.parametrize("key", TRICKS)
    def test_a_key_with_a_trick_is_refused(self, store: ObjectStore, source: Path, key: str) -> None:
        """No call takes a key that leads out of the store or is seen as another."""
        with pytest.raises(KeyRefused, match="object key"):
            store.put_if_absent(key, source, "a/b")
        for call in (store.exists, store.delete, store.discard, lambda one: list(store.keys(one))):
            with pytest.raises(KeyRefused):
                call(key)
        with pytest.raises(KeyRefused):
            store.locate(f"objects:{key}")

    @pytest.mark.parametrize("key", ODD)
    def test_an_unusual_key_is_kept_as_it_is(self, store: ObjectStore, source: Path, key: str) -> None:
        """What has a meaning in a URL or a shell has none in a key."""
        ref = store.put_if_absent(key, source, "a/b")
        assert list(store.keys("raw")) == [key]
        assert store.local_path(ref).read_bytes() == b"some bytes"
        store.delete(key)
        assert not store.exists(key)


class Reading:
    """What is read: never other bytes than the reference names."""

    @pytest.mark.parametrize("damage", [b"some byteS", b"some", b"", b"some bytes and more"])
    def test_damage_is_told(self, store: ObjectStore, source: Path, damage: bytes) -> None:
        """Bytes of the same, a smaller or a larger size are not taken for the object's."""
        ref = store.put_if_absent("raw/x", source, "a/b")
        self.spoil(store, "raw/x", damage)
        with pytest.raises(ObjectDamaged, match=r"raw/x is damaged.*expected 10"):
            store.local_path(ref)

    def test_a_reference_to_other_bytes_is_not_answered(self, store: ObjectStore, source: Path) -> None:
        """Nor is what was read before under the same key."""
        ref = store.put_if_absent("raw/x", source, "a/b")
        store.local_path(ref)
        with pytest.raises(ObjectDamaged):
            store.local_path(ref.model_copy(update={"sha256": "0" * 64}))

    def test_what_is_missing_is_told(self, store: ObjectStore, source: Path) -> None:
        """Also below an object, and where a folder would be; deleting twice is no error."""
        ref = store.put_if_absent("raw/x", source, "a/b")
        store.delete("raw/x")
        store.delete("raw/x")
        for uri in ("objects:raw/x", "objects:raw/x/y", "objects:raw"):
            with pytest.raises(ObjectMissing, match="is missing"):
                store.local_path(ref.model_copy(update={"uri": uri}))

    def test_an_address_of_another_kind_is_refused(self, store: ObjectStore) -> None:
        """Nothing but objects and files is read."""
        ref = DataRef(uri="", sha256="0" * 64, size_bytes=1, media_type="a/b")
        for uri in ("http://x", "object:x", "file:", "file:a\0b", ""):
            with pytest.raises(KeyRefused, match="neither objects:KEY nor file:PATH"):
                store.locate(uri)
            with pytest.raises(KeyRefused):
                store.local_path(ref.model_copy(update={"uri": uri}))

    def test_a_file_outside_is_read_where_it_lies_and_checked(self, store: ObjectStore, source: Path) -> None:
        """A replayed folder's frames are not copied, but their hash is checked."""
        sha256 = hashlib.sha256(b"some bytes").hexdigest()
        ref = DataRef(uri=f"file:{source}", sha256=sha256, size_bytes=10, media_type="a/b")
        assert store.local_path(ref) == source
        assert store.locate(ref.uri) == str(source)
        source.write_bytes(b"some byteS")
        with pytest.raises(ObjectDamaged):
            store.local_path(ref)

    def test_many_readers_at_once_read_the_same(self, store: ObjectStore, source: Path) -> None:
        """Nobody sees a file that is still being fetched."""
        source.write_bytes(os.urandom(1 << 20))
        ref = store.put_if_absent("raw/x", source, "a/b")
        with ThreadPoolExecutor(6) as pool:
            read = list(pool.map(lambda _: store.local_path(ref).read_bytes(), range(6)))
        assert set(read) == {source.read_bytes()}

    def test_a_child_process_reads_too(self, store: ObjectStore, source: Path) -> None:
        """A store that has been used can be sent to a process."""
        ref = store.put_if_absent("raw/x", source, "a/b")
        store.local_path(ref)  # whatever this opens does not travel
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            assert pool.submit(read_all, store, [ref], 1).result() == [b"some bytes"]

    def spoil(self, store: ObjectStore, key: str, content: bytes) -> None:
        """Put other bytes in the place of an object, behind the store's back; the adapter's tests know how."""
        raise NotImplementedError


class Keeping:
    """What is listed and removed."""

    def test_keys_are_sorted_and_a_prefix_is_a_folder(self, store: ObjectStore, source: Path) -> None:
        """A name that only begins alike is not below it."""
        for key in ("raw/b", "raw/a/z", "raw/a-b", "rawer/x", "products/x"):
            store.put_if_absent(key, source, "a/b")
        assert list(store.keys("raw")) == ["raw/a-b", "raw/a/z", "raw/b"]
        assert list(store.keys("raw/a")) == ["raw/a/z"]
        assert list(store.keys("nothing")) == []

    def test_discarding_removes_what_begins_so_in_one_folder(self, store: ObjectStore, source: Path) -> None:
        """And nothing else: no other number, no other folder."""
        for key in ("raw/n/x_1_a", "raw/n/x_1_b", "raw/n/x_11_a", "raw/n/y", "raw/n/x_1_c/d", "raw/x_1_a"):
            store.put_if_absent(key, source, "a/b")
        store.discard("raw/n/x_1_")
        store.discard("raw/n/x_1_")
        store.discard("raw/none/x")
        assert list(store.keys("raw")) == ["raw/n/x_11_a", "raw/n/x_1_c/d", "raw/n/y", "raw/x_1_a"]

    def test_what_was_deleted_may_be_written_anew(self, store: ObjectStore, source: Path) -> None:
        """Nothing of the object before is answered."""
        store.put_if_absent("raw/x", source, "a/b")
        store.delete("raw/x")
        source.write_bytes(b"other bytes")
        assert store.local_path(store.put_if_absent("raw/x", source, "a/b")).read_bytes() == b"other bytes"

    def test_the_check_leaves_nothing_behind(self, store: ObjectStore, source: Path) -> None:
        """It may be made while others work."""
        store.check()
        store.put_if_absent("raw/x", source, "a/b")
        store.check()
        assert list(store.keys("raw")) == ["raw/x"]


class ObjectStoreContract(Writing, Reading, Keeping):
    """Derive a test class from this; give it a fixture `store`, empty at first, and `spoil`."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """Return a file to be stored."""
        path = tmp_path / "source.bin"
        path.write_bytes(b"some bytes")
        return path


def read_all(store: ObjectStore, refs: list[DataRef], times: int) -> list[bytes]:
    """Read objects, one after the other, several times over; for a child process."""
    return [store.local_path(ref).read_bytes() for _ in range(times) for ref in refs]
