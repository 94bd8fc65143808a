"""Files outside the object store: only those below the folders that the setting names are read."""

import hashlib
import os
import pickle

import pytest

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import FileForbidden, FrameFolders, open_store
from calibrant.runtime.settings import PlatformSettings, WrongSetting, chosen

KAFKA = "kafka://127.0.0.1:9"
BUCKET = "s3://frames"


@pytest.fixture
def nights(tmp_path):
    folder = tmp_path / "nights"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "a.fits").write_bytes(b"a frame")
    return folder


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"a secret")
    return path


def ref(path):
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return DataRef(uri=f"file:{path}", sha256=sha256, size_bytes=len(content), media_type="a/b")


def test_what_lies_below_a_folder_is_read_and_nothing_else(nights, secret):
    folders = FrameFolders((nights.parent / "other", nights))
    assert folders.refusal(nights) == folders.refusal(nights / "one" / "a.fits") == ""
    for path in (
        secret,
        nights.parent,
        nights / ".." / "secret",
        nights.parent / "nightshift",
        nights / "a\0b",
    ):
        said = folders.refusal(path)
        assert said.startswith(f"{str(path)!r} lies outside")
        assert f"setting frame_folders: {nights.parent / 'other'}:{nights}" in said


def test_links_are_followed_before_it_is_told_where_a_file_lies(nights, secret):
    (nights / "link.fits").symlink_to(secret)
    (nights / "out").symlink_to(secret.parent)
    (secret.parent / "tonight").symlink_to(nights)
    folders = FrameFolders((nights,))
    assert folders.refusal(nights / "link.fits")
    assert folders.refusal(nights / "out" / "secret")
    assert folders.refusal(secret.parent / "tonight" / "one" / "a.fits") == ""
    assert FrameFolders((secret.parent / "tonight",)).refusal(nights / "one" / "a.fits") == ""


@pytest.mark.parametrize("objects", ["", BUCKET])
@pytest.mark.parametrize(
    ("bus", "given", "reads"),
    [("", None, True), (KAFKA, None, False), ("", "", False), (KAFKA, "/", True), (KAFKA, "nights", True)],
)
def test_unset_means_any_file_with_the_embedded_log_and_none_with_kafka(  # noqa: PLR0917 - fixtures
    tmp_path, nights, objects, bus, given, reads
):
    folders = str(nights) if given == "nights" else given
    wanted = {"data_dir": tmp_path, "objects": objects, "bus": bus, "frame_folders": folders}
    store = pickle.loads(pickle.dumps(open_store(chosen(PlatformSettings, **wanted))))
    frame = ref(nights / "one" / "a.fits")
    if reads:
        assert store.local_path(frame).read_bytes() == b"a frame"
        return
    with pytest.raises(FileForbidden, match=r"a\.fits' lies outside .* \(setting frame_folders: none\)"):
        store.local_path(frame)


def test_folders_are_read_from_a_variable_with_colons_between(monkeypatch):
    monkeypatch.setenv("CALIBRANT_FRAME_FOLDERS", os.pathsep.join(["/nights", "", "/more"]))
    assert list(map(str, chosen(PlatformSettings).frame_folders)) == ["/nights", "/more"]
    monkeypatch.setenv("CALIBRANT_FRAME_FOLDERS", "/nights:tonight")
    with pytest.raises(WrongSetting, match="setting frame_folders: 'tonight' is not a full path"):
        chosen(PlatformSettings)
