"""Compiles the kernel when the package is installed, with the compiler that is there or with ziglang from PyPI.

It owns compilers and their flags. A compiler that fails is no reason not to install: NumPy does the work then, or
a library that was made earlier, which is used only where it is of the same source.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
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
    """Give the command of the C compiler that is there: ``$CC``, else cc, gcc or clang."""
    named = shlex.split(os.environ.get("CC", ""))
    if named and shutil.which(named[0]):
        return named
    found = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    return [found] if found else None


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
            if not _is_newer(target, [Path(__file__), *native.glob("*.c")]):
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
        sources = b"".join(path.read_bytes() for path in sorted(native.glob("*.c")))
        source = f"-DSOURCE={zlib.crc32(sources)}u"
        jobs = [
            ([*compiler, *FLAGS, source, "-c", str(native / f"{name}.c")], Path(folder, f"{name}.o"))
            for name in ("library", "sorting")
        ]
        for level, flags in variants.items():
            for bits in SAMPLES:
                name = f"combine_{bits}_v{level}"
                macros = [f"-DSAMPLE={bits}", f"-DNAME={name}"]
                command = [*compiler, *FLAGS, *flags, *macros, "-c", str(native / "kernel.c")]
                jobs.append((command, Path(folder, f"{name}.o")))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: _run([*job[0], "-o", str(job[1])]), jobs))
        made = Path(folder, target.name)
        _run([*compiler, "-shared", *(str(path) for _, path in jobs), "-o", str(made), "-lm"])
        made.replace(target)  # a process may have the old one loaded


def _is_newer(target: Path, sources: list[Path]) -> bool:
    made = target.stat().st_mtime if target.exists() else 0.0
    return all(path.stat().st_mtime < made for path in sources)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (our own commands)
