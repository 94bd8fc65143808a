"""Compiles what the bench needs in C, with the compiler that the engine is built with. Knows no combiner."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from combiners.rounds import MissingError

HERE = Path(__file__).parent


def compiler() -> list[str]:
    """Return the command of a C compiler: $CC, else one on the path, else the one that the package ziglang brings.

    Raises
    ------
    MissingError
        When there is none.
    """
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise MissingError("no C compiler: install gcc, or name one in CC")


def compile_c(source: str, made: Path, *options: str) -> Path:
    """Compile a file of this folder for this machine; return what was made.

    Raises
    ------
    MissingError
        When it cannot be compiled; the text is the compiler's first complaint.
    """
    command = [*compiler(), "-O3", "-march=native", str(HERE / source), "-o", str(made), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as problem:
        raise MissingError(f"{command[0]} cannot be run: {problem.strerror}") from problem
    if done.returncode:
        complaint = next(iter(done.stderr.strip().splitlines()), "no complaint")
        raise MissingError(f"{source} does not compile: {complaint}")
    return made
