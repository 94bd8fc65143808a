"""Scratch space: nobody else's is touched, and what the dead have left is removed."""

import signal
import subprocess
import sys
from contextlib import nullcontext

import pytest

from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.scratch import Scratch, removing

CHILD = """
import sys
from pathlib import Path
from calibrant.runtime.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
print(scratch.folder(), flush=True)
sys.stdin.read()
"""


def test_each_job_has_an_empty_folder_and_closing_removes_all(tmp_path):
    scratch = Scratch(tmp_path / "scratch")
    scratch.sweep()
    one, other = scratch.folder(), scratch.folder()
    assert one != other
    assert list(one.iterdir()) == []
    (one / "big.fits").write_text("x")
    scratch.close()
    scratch.close()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert scratch.folder().is_dir()
    scratch.close()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        folder = tmp_path / child.stdout.readline().strip()
        assert folder.is_dir()
        Scratch(tmp_path).sweep()
        assert folder.is_dir()
        child.send_signal(signal.SIGKILL)
        child.wait()
    Scratch(tmp_path).sweep()
    assert list(tmp_path.iterdir()) == []


def test_scratch_space_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "flat").write_text("")
    with pytest.raises(StoreUnavailable, match="Free some space or mend the folder"):
        Scratch(tmp_path / "flat" / "scratch").folder()


@pytest.mark.asyncio
@pytest.mark.parametrize("fails", [False, True])
async def test_a_folder_is_removed_by_the_end_whatever_happens(tmp_path, fails):
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "big.fits").write_text("x")
    with pytest.raises(KeyError) if fails else nullcontext():
        async with removing(folder) as begin:
            if fails:
                raise KeyError(folder)
            begin()
            begin()
    assert not folder.exists()
