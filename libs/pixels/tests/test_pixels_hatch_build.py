"""The kernel is compiled when the package is installed: what may go wrong there, and what is left then."""

import ctypes
import importlib.util
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "hatch_build.py"


@pytest.fixture
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def native(tmp_path):
    for name in ("library", "sorting"):
        key = " const char *made_of(void) { return KEY; }" if name == "library" else ""
        (tmp_path / f"{name}.c").write_text(f"int {name}(void) {{ return 0; }}{key}\n")
    (tmp_path / "kernel.c").write_text("int NAME(void) { return 0; }\n")
    return tmp_path


@pytest.mark.compiler
def test_two_that_install_at_once_both_leave_a_library(hook, native):
    target = native / "kernel.so"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: hook.build(native, target), range(2)))
    assert target.read_bytes().startswith(b"\x7fELF")
    assert [path.name for path in native.glob("kernel.so*")] == ["kernel.so"]


@pytest.mark.compiler
def test_a_source_that_does_not_compile_leaves_what_was_there(hook, native):
    target = native / "kernel.so"
    target.write_text("earlier")
    (native / "kernel.c").write_text("int NAME(void) { return }")
    with pytest.raises(subprocess.CalledProcessError):
        hook.build(native, target)
    assert target.read_text() == "earlier"
    assert [path.name for path in native.glob("kernel.so*")] == ["kernel.so"]


@pytest.mark.parametrize("named", ["no-such-compiler -m64", "false"])
def test_a_compiler_that_is_not_there_or_does_not_compile_is_passed_over(hook, monkeypatch, named):
    monkeypatch.setenv("CC", "")
    usual = hook.find_compiler()
    monkeypatch.setenv("CC", named)
    assert hook.find_compiler() == usual


@pytest.mark.compiler
def test_a_variant_that_the_compiler_does_not_know_is_left_out(hook, native, monkeypatch):
    monkeypatch.setattr(hook, "VARIANTS", {1: (), 3: ("-march=no-such-processor",)})
    target = native / "kernel.so"
    hook.build(native, target)
    library = ctypes.CDLL(str(target))
    assert hasattr(library, "combine_16_v1")
    assert not hasattr(library, "combine_16_v3")


@pytest.mark.compiler
def test_a_library_of_other_sources_is_known_whatever_its_date(hook, native):
    target = native / "kernel.so"
    hook.build(native, target)
    assert hook.is_made_from(native, target)
    (native / "sorting.c").write_text("int other(void) { return 1; }\n")
    later = target.stat().st_mtime + 3600
    os.utime(target, (later, later))
    assert not hook.is_made_from(native, target)
