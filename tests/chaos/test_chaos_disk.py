"""The small disk: full when it is told to be, and with room again; where none can be mounted, it says so."""

import errno

import pytest

from chaos.disk import SmallDisk


def test_a_full_disk_takes_nothing_and_with_room_again_it_does(tmp_path):
    with SmallDisk(tmp_path / "disk") as disk:
        if not disk.small:
            with pytest.raises(AssertionError, match="only root can make one"):
                disk.fill()
            return
        disk.fill()
        with pytest.raises(OSError, match="No space left") as refused:
            (disk.folder / "file").write_bytes(b"x" * 100_000)
        assert refused.value.errno == errno.ENOSPC
        disk.free()
        disk.free()
        (disk.folder / "file").write_bytes(b"x" * 100_000)
    assert not (tmp_path / "disk" / "file").exists()
