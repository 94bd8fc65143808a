"""Where the peers are: their virtual environment, as ``tests/bench/peers`` makes it, and programs on the path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from combiners.rounds import MissingError

INSTALL = "tests/bench/peers installs it"


def peers_python() -> str:
    """Return the Python of the peers' virtual environment.

    Raises
    ------
    MissingError
        When it is not there.
    """
    home = os.environ.get("CALIBRANT_PEERS") or Path.home() / ".cache" / "calibrant" / "peers"
    python = Path(home) / "bin" / "python"
    if not python.exists():
        raise MissingError(f"there is no virtual environment of the peers: {INSTALL}")
    return str(python)


def program(name: str) -> str:
    """Return the path of a program.

    Raises
    ------
    MissingError
        When it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not installed: {INSTALL}")
    return found
