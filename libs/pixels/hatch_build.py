"""Compiles the kernel when the package is installed, with the compiler that is there or with ziglang from PyPI.

It owns compilers and their flags. A compiler that fails is no reason not to install: NumPy does the work then, or
a library that was made earlier, which is used only where it is of the same source.
"""

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SAMPLES = (16, 32, 64)
FLAGS = ("-std=c11", "-O3", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
WIDE = "-mprefer-vector-width=512"
VARIANTS: dict[int, tuple[str, ...]] = {1: (), 3: ("-march=x86-64-v3",), 4: ("-march=x86-64-v4", WIDE)}
ZIG_VARIANTS: dict[int, tuple[str, ...]] = {
    1: ("-mcpu=x86_64",),
    3: ("-mcpu=x86_64_v3",),
    4: ("-mcpu=x86_64_v4", WIDE),
}
ZIG = "ziglang==0.17.1"


def find_compiler() -> list[str] | None:
    """Give the command of a C compiler that is there and compiles: ``$CC``, else cc, gcc or clang."""
    named = shlex.split(os.environ.get("CC", ""))
    return next((one for one in (named, ["cc"], ["gcc"], ["clang"]) if one and _compiles(one)), None)


def _compiles(command: list[str]) -> bool:
    """Try a compiler, with the headers that are needed."""
    asked = [*command, "-fsyntax-only", "-xc", "-"]
    try:
        tried = subprocess.run(  # noqa: S603 (what the user named, or our own)
            asked, input="#include <math.h>\n", text=True, capture_output=True, check=False
        )
    except OSError:
        return False
    return tried.returncode == 0


class KernelHook(BuildHookInterface[Any]):
    """Puts ``native/kernel.so`` beside its source, where an editable installation finds it and a wheel takes it from."""

    def dependencies(self) -> list[str]:
        """Ask for a compiler from PyPI only where there is none."""
        return [] if find_compiler() else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Compile, and mark the wheel as one for this platform and any Python."""
        native = Path(self.root, "src", "calibrant", "pixels", "native")
        target = native / "kernel.so"
        try:
            if not is_made_from(native, target):
                build(native, target)
        except (OSError, subprocess.CalledProcessError) as problem:
            said = getattr(problem, "stderr", None) or str(problem)
            self.app.display_warning(
                f"calibrant-pixels: the kernel was not compiled, NumPy does its work.\n{said}"
            )
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def build(native: Path, target: Path) -> None:
    """Compile every variant of the kernel, two at a time, and link them into `target`.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        When there is no compiler, or it fails.
    """
    found = find_compiler()
    compiler = found or [sys.executable, "-m", "ziglang", "cc"]
    variants = VARIANTS if found else ZIG_VARIANTS
    if platform.machine() not in {"x86_64", "AMD64"}:
        variants = {1: () if found else ("-mcpu=baseline",)}
    with tempfile.TemporaryDirectory(prefix="kernel.so.", dir=native) as folder:  # another may install, too
        macros = [f"-DSOURCE={_checksum(native)}u", f'-DKEY="{_key(native)}"']
        jobs = [
            _Job(f"{name}.c", f"{name}.o", (*FLAGS, *macros), optional=False)
            for name in ("library", "sorting")
        ]
        for level, flags in variants.items():
            for bits in SAMPLES:
                name = f"combine_{bits}_v{level}"
                options = (*FLAGS, *flags, f"-DSAMPLE={bits}", f"-DNAME={name}")
                jobs.append(_Job("kernel.c", f"{name}.o", options, optional=level > 1))
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda job: job.run(compiler, native, Path(folder)), jobs))
        made = Path(folder, target.name)
        _run([*compiler, "-shared", *filter(None, parts), "-o", str(made), "-lm"])
        made.replace(target)  # a process may have the old one loaded


def is_made_from(native: Path, target: Path) -> bool:
    """Say whether a library was made from the sources that are there now, here and by this compiler."""
    return target.exists() and _key(native).encode() in target.read_bytes()


@dataclass(frozen=True)
class _Job:
    """One source to compile; an optional one is left out where the compiler does not know its instructions."""

    source: str
    name: str
    options: tuple[str, ...]
    optional: bool

    def run(self, compiler: list[str], native: Path, folder: Path) -> str | None:
        """Give the path of what was made."""
        made = str(folder / self.name)
        try:
            _run([*compiler, *self.options, "-c", str(native / self.source), "-o", made])
        except subprocess.CalledProcessError:
            if not self.optional:
                raise
            return None
        return made


def _checksum(native: Path) -> int:
    """Give the CRC-32 of all sources, which the library tells whoever loads it."""
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(native.glob("*.c"))))


def _key(native: Path) -> str:
    """Say what a library is made of: sources, how they are compiled, where and by what."""
    how = zlib.crc32(Path(__file__).read_bytes() + " ".join(find_compiler() or [ZIG]).encode())
    return f"calibrant-kernel-{_checksum(native)}-{how}-{sysconfig.get_platform()}"


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (our own commands)
