"""The object store in a folder, beyond the contract: its files, and what a crash or a full disk leaves of them."""

import hashlib
import os
import resource
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.runtime.objects import (
    FolderStore,
    KeyRefused,
    ObjectDamaged,
    ObjectExists,
    StoreUnavailable,
    file_hash,
    folder,
    hashing,
)
from calibrant.runtime.testing.forks import ran


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.bin"
    path.write_bytes(b"some bytes")
    return path


def files_of(store):
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def test_the_same_bytes_again_leave_the_file_alone_and_others_leave_no_file(store, source):
    ref = store.put_if_absent("raw/x", source, "a/b")
    inode = store.local_path(ref).stat().st_ino
    store.put_if_absent("raw/x", source, "a/b")
    assert store.local_path(ref).stat().st_ino == inode
    source.write_bytes(b"other bytes")
    with pytest.raises(ObjectExists):
        store.put_if_absent("raw/x", source, "a/b")
    assert files_of(store) == ["raw/x"]


@pytest.mark.parametrize("late", [b"some bytes", b"other"])
def test_of_two_who_put_at_once_the_first_stays(store, source, monkeypatch, late):
    link = os.link

    def somebody_is_faster(temporary, target):
        target.write_bytes(late)
        link(temporary, target)

    monkeypatch.setattr(folder.os, "link", somebody_is_faster)
    if late == b"some bytes":
        store.put_if_absent("raw/x", source, "a/b")
    else:
        with pytest.raises(ObjectExists):
            store.put_if_absent("raw/x", source, "a/b")
    assert (store.root / "raw/x").read_bytes() == late
    assert files_of(store) == ["raw/x"]


def test_a_key_that_is_a_folder_or_below_an_object_is_refused(store, source):
    store.put_if_absent("raw/x/y", source, "a/b")
    for key in ("raw/x", "raw/x/y/z"):
        with pytest.raises(ObjectExists):
            store.put_if_absent(key, source, "a/b")
    assert files_of(store) == ["raw/x/y"]


def test_a_key_that_is_none_makes_no_folder(store, source):
    with pytest.raises(KeyRefused):
        store.put_if_absent("raw/../../x", source, "a/b")
    assert not store.root.exists()


@given(st.text(st.sampled_from("ab./\\\0~ \n") | st.characters(), max_size=30))
def test_no_key_ever_leads_out_of_the_store_or_to_two_places(tmp_path_factory, key):
    root = tmp_path_factory.getbasetemp() / "s"
    try:
        path = FolderStore(root).path_of(f"objects:{key}")
    except KeyRefused:
        return
    assert path.resolve().is_relative_to(root.resolve())
    assert path.relative_to(root).as_posix() == key


def test_what_is_unfinished_is_no_key(store, source):
    store.put_if_absent("raw/b", source, "a/b")
    (store.root / "raw" / ".b.0123.part").write_bytes(b"unfinished")
    assert list(store.keys("raw")) == ["raw/b"]


def test_the_hash_is_that_of_all_bytes(tmp_path):
    data = os.urandom(3 * (1 << 20) + 17)
    (tmp_path / "x").write_bytes(data)
    assert file_hash(tmp_path / "x") == (hashlib.sha256(data).hexdigest(), len(data))


CHILD = """
import sys, os, signal, resource
from pathlib import Path
from calibrant.runtime import objects
from calibrant.runtime.objects import folder
store, source = objects.FolderStore(Path(sys.argv[1])), Path(sys.argv[2])
{trick}
try:
    store.put_if_absent("raw/x", source, "a/b")
except objects.StoreUnavailable as error:
    print(error)
"""
KILL = "folder.os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
SMALL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def put_in_child(trick, store, source):
    return ran([sys.executable, "-c", CHILD.format(trick=trick), store.root, source])


def test_a_crash_in_the_middle_leaves_no_visible_object_and_no_obstacle(store, source):
    assert put_in_child(KILL, store, source).returncode == -9
    assert not store.exists("raw/x")
    assert list(store.keys("raw")) == []
    store.put_if_absent("raw/x", source, "a/b")
    assert list(store.keys("raw")) == ["raw/x"]


def test_a_full_disk_is_told_and_leaves_no_half_file(store, source):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    source.write_bytes(os.urandom(1_000_000))
    ended = put_in_child(SMALL, store, source)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "cannot store raw/x: File too large. Free some space" in ended.stdout
    assert files_of(store) == []
    store.put_if_absent("raw/x", source, "a/b")


def test_a_store_that_cannot_be_made_is_told(tmp_path, source):
    (tmp_path / "flat").write_text("a file where the folder should be")
    with pytest.raises(ObjectExists):
        FolderStore(tmp_path / "flat").put_if_absent("raw/x", source, "a/b")


def test_an_object_store_that_fails_while_reading_is_told(store, source, monkeypatch):
    ref = store.put_if_absent("raw/x", source, "a/b")

    def fail(error):
        def hash_of(path):
            raise error

        monkeypatch.setattr(hashing, "file_hash", hash_of)

    fail(OSError(5, "Input/output error"))
    with pytest.raises(StoreUnavailable, match=r"objects:raw/x: cannot read .*Input/output error"):
        store.local_path(ref)
    fail(PermissionError(13, "Permission denied"))
    with pytest.raises(ObjectDamaged, match="may not be read: check its permissions"):
        store.local_path(ref)
