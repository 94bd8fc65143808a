"""One observatory per data folder."""

import os
import subprocess
import sys

import pytest

from calibrant.observatory.lock import DataFolderBusy, hold
from calibrant.runtime.data_folder import DataFolderUnusable

HOLDER = """
import sys
from pathlib import Path
from calibrant.observatory.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_folder_is_made_and_signed(tmp_path):
    with hold(tmp_path / "new" / "data"):
        assert (tmp_path / "new/data/observatory.lock").read_text() == str(os.getpid())


def test_a_second_holder_is_told_who_holds_it(tmp_path):
    with (
        hold(tmp_path),
        pytest.raises(DataFolderBusy, match=rf"{tmp_path} is in use by process {os.getpid()}\b"),
    ):
        hold(tmp_path).__enter__()
    with hold(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(DataFolderBusy, match=str(process.pid)):
            hold(tmp_path).__enter__()
        process.kill()
        process.wait()
        with hold(tmp_path):
            assert (tmp_path / "observatory.lock").read_text() == str(os.getpid())


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnusable, match=rf"data folder {tmp_path / place}: .*--data-dir"):
        hold(tmp_path / place).__enter__()
