"""How the command speaks: tables, JSON for programs, one line for an error, nothing that a terminal obeys."""

import json

import pytest

from calibrant.bus.errors import PermanentError
from calibrant.observatory.cli import console as speech
from calibrant.observatory.cli import show_run


def test_rows_are_a_table_for_people_and_json_for_programs(capsys):
    rows = [
        {
            "id": "a[b]",
            "inputs": ["x", "y"],
            "path": None,
            "begin": "2026-01-01T20:00:00.5Z",
            "why": "So. And so.",
        },
        {"id": "c", "inputs": list("vwxyz"), "path": "/p", "begin": None, "why": "No"},
    ]
    forms = {"id": "whole", "inputs": "count", "path": "text", "begin": "time", "why": "first"}
    columns = [speech.Column(field, form=form) for field, form in forms.items()]
    speech.show_rows("Things", columns, rows, as_json=False, empty="none")
    title, head, first, second = capsys.readouterr().out.splitlines()
    assert title.strip() == "Things"
    assert head.split() == list(forms)
    assert first.split() == ["a[b]", "2", "-", "2026-01-01", "20:00:00", "So"]  # no markup
    assert second.split() == ["c", "5", "/p", "-", "No"]
    speech.show_rows("Things", columns, rows, as_json=True, empty="none")
    assert json.loads(capsys.readouterr().out) == rows
    speech.show_rows("Things", columns, [], as_json=False, empty="none yet")
    assert capsys.readouterr().out == "none yet\n"


def test_a_column_that_tells_nothing_is_left_out_and_what_to_do_next_stands_below(capsys):
    columns = [speech.Column("id"), speech.Column("camera", varied=True), speech.Column("state", varied=True)]
    rows = [{"id": "a", "camera": "x", "state": "new"}, {"id": "b", "camera": "x", "state": "old"}]
    speech.show_rows("Things", columns, rows, as_json=False, empty="none", more="look at [b]")
    _, head, *lines, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "state"]
    assert [line.split() for line in lines] == [["a", "new"], ["b", "old"], []]
    assert last == "look at [b]"


def test_one_thing_is_a_line_for_each_field_and_what_holds_others_an_outline(capsys):
    speech.show_one({"id": "a", "begin_tai_ns": 5, "more": {"x": [{"y": 1}]}}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "id            a",
        "begin tai ns  5",
        "more",
        "  x:",
        "  - y: 1",
    ]


def test_an_error_on_purpose_is_one_line_and_any_other_is_not_hidden(capsys):
    with pytest.raises(SystemExit) as ended, speech.told():
        raise PermanentError("the thing is wrong")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: the thing is wrong\n"
    with pytest.raises(ZeroDivisionError), speech.told():
        raise ZeroDivisionError


def test_what_a_terminal_would_obey_is_shown_as_an_escape():
    assert speech.shown("a\x1b[31mb\x07\r\nc\u200e é") == "a\\x1b[31mb\\x07\\r\nc\\u200e é"


def test_a_table_breaks_no_words_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    speech.console.cache_clear()
    reason = "word " * 60 + "the end"
    speech.show_rows(
        "Letters", [speech.Column("reason", form="text")], [{"reason": reason}], as_json=False, empty=""
    )
    speech.console.cache_clear()
    assert reason in capsys.readouterr().out


def test_lines_end_with_their_last_word_where_there_is_no_terminal(capsys):
    speech.console.cache_clear()
    rows = [{"reason": "short"}, {"reason": "long " * 40 + "end"}]
    speech.show_rows("Letters", [speech.Column("reason")], rows, as_json=False, empty="")
    speech.console.cache_clear()
    assert [line for line in capsys.readouterr().out.splitlines() if line != line.rstrip()] == []


def test_bars_that_never_began_leave_no_blank_line_before_an_error(capsys):
    with show_run.Bars(quiet=False):
        pass
    assert capsys.readouterr().out == ""
