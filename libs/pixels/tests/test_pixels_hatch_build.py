"""The kernel is compiled when the package is installed: what may go wrong there, and what is left then."""

import importlib.util
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
        (tmp_path / f"{name}.c").write_text(f"int {name}(void) {{ return 0; }}\n")
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


def test_a_compiler_that_is_not_there_is_passed_over(hook, monkeypatch):
    monkeypatch.setenv("CC", "")
    usual = hook.find_compiler()
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    assert hook.find_compiler() == usual
