"""What is made once for all worker processes of a test session."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Once = Callable[[str, Callable[[Path], str]], tuple[Path, Any]]


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Once:
    """Make a data folder by a command: whoever needs it first makes it, others wait, and nobody changes it.

    Given a name, and what runs the command in a folder and returns the JSON it printed. Returns the data folder
    in there, and what was printed.
    """
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], str]) -> tuple[Path, Any]:
        folder = common / name
        said = folder / "said.json"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.exists():
                shutil.rmtree(folder / "data", ignore_errors=True)
                said.write_text(make(folder))
        return folder / "data", json.loads(said.read_text())

    return made
