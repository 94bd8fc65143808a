"""What is generated is what proto/ says."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_generating_again_changes_nothing():
    result = run(sys.executable, "libs/contracts/generator", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contract_passes_buf_lint():
    result = run(Path(sys.executable).with_name("buf"), "lint", "proto")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contract_breaks_no_released_message():
    result = run(
        Path(sys.executable).with_name("buf"), "breaking", "proto", "--against", "proto/baseline.binpb"
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def changed(tmp_path):
    """A copy of the contract in which a field has another type."""
    for path in (ROOT / "proto").rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(ROOT / "proto")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    commands = tmp_path / "calibrant/camera/v1/commands.proto"
    commands.write_text(commands.read_text().replace("int32 num_images = 2", "string num_images = 2"))
    return tmp_path


def test_a_breaking_change_is_caught(changed):
    baseline = ROOT / "proto/baseline.binpb"
    result = run(Path(sys.executable).with_name("buf"), "breaking", changed, "--against", baseline)
    assert result.returncode != 0
    assert "num_images" in result.stdout
