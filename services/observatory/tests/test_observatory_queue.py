"""``calibrant queue`` on the sequencer's store, where no service runs."""

import pytest
from typer.testing import CliRunner

from calibrant.observatory.cli.main import app
from calibrant.observatory.cli.options import Place
from calibrant.observatory.cli.stores import prepared
from calibrant.observatory.testing import asked

SEQUENCE = "instrument: simcam-tiny\nscript_mode: BIAS\nn_bias: 3\n"


@pytest.fixture
def place(tmp_path):
    """A folder in which a sequencer once ran, and a sequence file beside."""
    with prepared(Place(data_dir=tmp_path), "sequencer"):
        (tmp_path / "night.yaml").write_text(SEQUENCE)
    return tmp_path


def said(place, *words):
    """Run a command; return what it says, and its exit code where that is not 0."""
    ended = CliRunner().invoke(app, ["queue", *words, "--data-dir", str(place)])
    return ended.stdout.strip() if ended.exit_code == 0 else (ended.exit_code, ended.stderr.strip())


def test_sequences_are_queued_moved_and_told_of_also_where_nothing_runs(place):
    night = str(place / "night.yaml")
    assert said(place, "pause") == "the queue is paused"
    nothing, paused = said(place, "list").splitlines()
    assert (nothing, paused.split()[:3]) == ("Nothing waits.", ["waits", "paused", "by"])
    assert said(place, "resume") == "the queue goes on"
    assert said(place, "add", night, "--name", "one") == "one waits at place 1"
    assert said(place, "add", night, "--name", "two", "--place", "1") == "two waits at place 1"
    assert said(place, "move", "one", "1") == "one waits at place 1"
    assert said(place, "remove", "two") == "two is removed"
    assert said(place, "pause") == "the queue is paused"
    assert "paused by" in said(place, "list")
    assert said(place, "stop", "--now") == "the queue is paused; no run of it goes on"
    assert said(place, "resume") == "the queue goes on"
    view = asked("queue", "list", "--data-dir", place)
    (line,) = view["waiting"]
    assert (line["run_id"], line["what"], line["added_by"]) == ("one", "4 exposures", line["added_by"])
    assert view["waits_for"].startswith("camera camera has said nothing yet")
    history = asked("queue", "history", "--data-dir", place)
    assert [(row["run_id"], row["state"]) for row in history] == [("two", "removed"), ("one", "waiting")]


def test_a_schedule_is_set_listed_and_taken_away(place):
    set_words = ("schedule", "daily", str(place / "night.yaml"), "--at", "06:00", "--zone", "Asia/Tokyo")
    assert said(place, *set_words).startswith("daily: daily at 06:00 Asia/Tokyo, next at")
    (row,) = asked("queue", "schedules", "--data-dir", place)
    assert row["next"].endswith("T21:00:00.000000Z")
    assert said(place, "unschedule", "daily") == "daily is dropped"
    assert said(place, "schedules") == "There is no schedule."


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("remove", "none"), 1, "no 'none' in the queue"),
        (("list", "--camera", "lamp"), 1, "no camera 'lamp'"),
        (("schedule", "x", "night.yaml", "--at", "noon"), 2, "write 06:00"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(place, monkeypatch, words, code, text):
    monkeypatch.chdir(place)
    ended, told = said(place, *words)
    assert (ended, text in told, told.count("\n")) == (code, True, 0)


def test_where_no_sequencer_ever_ran_it_says_what_to_do(tmp_path):
    assert "`calibrant up`" in said(tmp_path / "none", "list")[1]


@pytest.mark.parametrize("word", ["report", "estimate", "stop", "retry"])
def test_a_run_that_there_is_not_is_told_of_in_words_of_the_command_line(place, word):
    ended = CliRunner().invoke(app, ["runs", word, "none", "--data-dir", str(place)])
    told = "error: there is no run none; `calibrant runs list` lists those there are"
    assert (ended.exit_code, ended.stderr.strip()) == (1, told)
