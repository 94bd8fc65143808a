"""The combining bench compares what it says it compares, tells who is missing, and still runs."""

import importlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from combiners.data import Sizes, frames
from combiners.goals import Goal
from combiners.ours import Floor
from combiners.rounds import MissingError, Times, take_turns
from combiners.tables import BEGIN, END, put_between_markers

BENCH = Path(__file__).parent
TIMES = Times(
    {"ours": [1.0, 2.0, 9.0], "slow": [6.0, 8.0, 7.0], "quick": [3.0, 3.0, 3.0]},
    {"absent": "no such program"},
)


def test_frames_have_noise_hot_pixels_and_cosmic_rays():
    stack = frames(20, 256).astype(float)
    middle = np.median(stack, axis=0)
    assert np.median(stack.std(axis=0)) == pytest.approx(5, rel=0.1)
    assert np.mean(middle > 10_000) == pytest.approx(0.001, rel=0.5)
    assert np.mean(stack - middle > 30) == pytest.approx(0.001, rel=0.1)


def test_the_same_frames_are_made_again():
    assert np.array_equal(frames(3, 32), frames(3, 32))


def test_the_first_turn_does_not_count():
    turns = iter(range(100))
    times = take_turns({"one": lambda: float(next(turns))}, 3)
    assert times.seconds == {"one": [1.0, 2.0, 3.0]}


def test_who_is_missing_is_left_out_with_the_reason():
    def absent():
        raise MissingError("no such program")

    times = take_turns({"absent": absent, "here": lambda: 1.0}, 2)
    assert times.missing == {"absent": "no such program"}
    assert list(times.seconds) == ["here"]


@pytest.mark.parametrize(
    ("against", "factor", "at_most", "ratio", "verdict"),
    [
        ("slow", 3.5, False, "3.5 x (6 x)", "met"),
        ("slow", 3.6, False, "3.5 x (6 x)", "missed"),
        (("slow", "quick", "absent"), 1.5, False, "1.50 x (3 x)", "met"),
        ("quick", 0.6, True, "0.67 x (0.33 x)", "missed"),
        ("quick", 0.7, True, "0.67 x (0.33 x)", "met"),
        ("absent", 1, False, "", "not measured: no such program"),
    ],
)
def test_a_goal_is_held_against_medians(against, factor, at_most, ratio, verdict):
    row = Goal("case", "ours", against, factor, at_most).row(TIMES)
    assert (row[4], row[6]) == (ratio, verdict)


def test_the_floor_reads_every_sample(tmp_path):
    stack = frames(7, 100)
    floor = Floor(stack, tmp_path)
    floor.reused()
    data, variance, count, mask = floor.room
    assert np.array_equal(data, stack.sum(axis=0, dtype=np.float32))
    assert np.array_equal(variance, data)
    assert (count == 7).all()
    assert not mask.any()


def test_only_what_stands_between_the_markers_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_between_markers(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_a_page_without_markers_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n")
    with pytest.raises(ValueError, match="must have one line"):
        put_between_markers(page, "new")


@pytest.mark.parametrize("missing", [{}, {"siril": "siril-cli is not installed"}])
def test_the_tables_of_the_page_stay_where_a_peer_is_missing(tmp_path, monkeypatch, missing):
    monkeypatch.syspath_prepend(str(BENCH))
    bench = importlib.import_module("combining")
    monkeypatch.setattr(bench, "fill", lambda _folder, _sizes: None)
    monkeypatch.setattr(bench, "measured", lambda _folder, _sizes, _parts, told: told.update(missing) or [])
    page, said = tmp_path / "page.md", io.StringIO()
    page.write_text(f"{BEGIN}\nold\n{END}\n")
    bench.combining(Console(file=said, width=1000), Sizes(), page=page)
    assert ("old" in page.read_text()) is bool(missing)
    assert ("stay as they are, for peers are missing (siril: siril-cli is not" in said.getvalue()) is bool(
        missing
    )


def test_it_runs_without_any_peer(tmp_path):
    words = ["--frames", "5", "--side", "16", "--large", "16", "--rounds", "1", "--parts", "peers", "files"]
    done = subprocess.run(
        [sys.executable, "combining.py", *words],
        cwd=BENCH,
        env={
            "PATH": "/nowhere",
            "HOME": str(tmp_path),
            "CC": "/nowhere/cc",
            "CALIBRANT_PEERS": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "siril-cli is not installed" in done.stdout
