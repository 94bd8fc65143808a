"""The command without services: help, listings, instruments, the doctor, errors in one line."""

import re
import resource
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import typer

from calibrant.observatory.cli import options
from calibrant.observatory.cli.main import app
from calibrant.observatory.cli.options import Place
from calibrant.observatory.testing import asked, here

LISTED = ("frames", "products", "reports", "calibrations", "publications", "runs")


def commands(command, path=()):
    """Yield the words of every command and group."""
    yield path
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, (*path, name))


EVERY = list(commands(typer.main.get_command(app)))


def test_all_commands_of_the_plan_are_there():
    assert {path[0] for path in EVERY if path} == {
        *LISTED,
        "camera",
        "demo",
        "queue",
        "replay",
        "run",
        "up",
        "doctor",
        "events",
        "dead-letters",
        "instruments",
        "sal",
        "audit",
        "topics",
        "trends",
        "waiting",
    }
    for what in LISTED:
        assert {(what, "list"), (what, "show")} <= set(EVERY)
    assert {("calibrations", "find"), ("audit", "list")} <= set(EVERY)
    assert {("waiting", do) for do in ("show", "accept", "reject")} <= set(EVERY)
    assert {("dead-letters", do) for do in ("list", "show", "replay", "discard")} <= set(EVERY)


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_help_says_what_the_command_does(path):
    said = here(*path, "--help").out
    assert said.startswith("Usage: ")
    assert len(said.splitlines()) > 4


def test_help_is_quick(calibrant):
    def processor_s():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    calibrant.forked = False
    calibrant("--help")  # compiles
    begun_s = processor_s()
    said = calibrant("--help").out
    assert processor_s() - begun_s < 0.6  # 0.15 was seen; importing the services takes far longer
    assert "replay" in said


def test_help_imports_no_service(calibrant):
    calibrant.forked = False
    calibrant.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    imported = calibrant("--help").err
    assert "calibrant.observatory.cli.main" in imported
    for heavy in ("numpy", "astropy", "sqlalchemy", "fastapi", "pydantic", "matplotlib", "calibrant.combine"):
        assert f" {heavy}\n" not in imported, heavy


def test_what_every_worker_imports_again_is_little():
    import_it = "import sys, calibrant.observatory.cli.start; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", import_it], check=True, capture_output=True, text=True)
    assert not {"typer", "calibrant.observatory.cli.main"} & set(done.stdout.split())


def test_the_version_is_told():
    assert here("--version").out.startswith("calibrant 0.")


def test_no_words_show_the_help_and_unknown_words_are_refused(calibrant):
    assert "Usage" in calibrant(code=2).err
    ended = calibrant("demoo", code=2)
    assert "demoo" in ended.err


@pytest.mark.parametrize("what", LISTED)
def test_an_empty_folder_lists_nothing_and_is_left_as_it_is(tmp_path, what):
    place = tmp_path / "none"
    assert asked(what, "list", "--data-dir", place) == []
    assert "calibrant demo" in here(what, "list", "--data-dir", place).out
    said = here(what, "show", "nothing", "--data-dir", place, code=1)
    assert "'nothing'" in said.err
    assert f"calibrant {what} list" in said.err
    assert said.out == ""
    assert not place.exists()


@pytest.mark.parametrize("do", ["html", "open", "export"])
def test_a_report_that_is_none_is_named(tmp_path, do):
    said = here("reports", do, "report-0", "--data-dir", tmp_path / "none", code=1).err
    assert "'report-0' is none of the reports" in said
    assert "calibrant reports list" in said


def test_nothing_is_found_or_tailed_in_an_empty_folder(tmp_path):
    find = ("calibrations", "find", "-i", "simcam", "--detector", 0, "--kind", "bias", "--at")
    said = here(*find, "2026-01-01T00:00:00", "--data-dir", tmp_path, code=1).err
    assert "nothing was ever certified" in said
    said = here(*find, "yesterday", "--data-dir", tmp_path, code=1).err
    assert said.startswith("error: --at yesterday: ")
    assert "no events in" in here("events", "tail", "--data-dir", tmp_path, code=1).err
    assert here("dead-letters", "list", "--data-dir", tmp_path).out == "No dead letters.\n"
    assert asked("dead-letters", "list", "--data-dir", tmp_path) == []


def test_an_unknown_topic_is_named_with_the_known_ones(tmp_path):
    said = here("events", "tail", "--topic", "publication", "--data-dir", tmp_path, code=1).err
    assert "'publication'" in said
    assert "publications" in said


def test_a_database_that_is_none_is_named(tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "ingest.sqlite").write_text("no database" * 100)
    said = here("frames", "list", "--data-dir", tmp_path, code=1).err
    assert str(tmp_path / "db" / "ingest.sqlite") in said
    assert len(said.splitlines()) == 1


def test_the_cameras_that_come_along_are_listed():
    rows = asked("instruments", "list")
    assert {row["name"]: row["detectors"] for row in rows} == {
        "afosc-ccd42-40": 1,
        "kast-blue": 1,
        "latiss": 1,
        "lsstcam": 197,
        "lsstcomcam": 9,
        "newton-du940p": 1,
        "simcam": 2,
        "simcam-raft": 9,
        "simcam-tiny": 2,
        "st402": 1,
    }
    assert all(row["description"] for row in rows)


def test_a_good_instrument_file_is_good_and_a_wrong_one_names_the_field(tmp_path):
    text = files("calibrant.frames.instruments").joinpath("simcam-tiny.yaml").read_text()
    path = tmp_path / "simcam-tiny.yaml"
    path.write_text(text)
    assert "a good instrument file" in here("instruments", "check", path).out
    path.write_text(
        text.replace("readout: frame", "readout: film").replace("gain_e_per_adu: 1.48", "gain: 1")
    )
    said = here("instruments", "check", path, code=1).out
    assert f"{path}: readout" in said
    assert "gain" in said
    assert "gone.yaml: cannot be read" in here("instruments", "check", tmp_path / "gone.yaml", code=1).out


def test_the_doctor_finds_this_machine_fit(tmp_path):
    findings = asked("doctor", "--data-dir", tmp_path / "new")
    assert {finding["state"] for finding in findings} <= {"good", "warning"}
    assert {"Python", "SQLite", "data folder", "disk", "TAI - UTC"} <= {
        finding["what"] for finding in findings
    }
    assert not (tmp_path / "new").exists()
    assert "will be made" in here("doctor", "--data-dir", tmp_path / "new").out


def test_the_doctor_says_what_is_bad():
    findings = asked("doctor", "--data-dir", "/proc/calibrant", code=1)
    (bad,) = (finding for finding in findings if finding["state"] == "bad")
    assert bad["what"] == "data folder"
    assert "--data-dir" in bad["found"]


def test_a_reader_that_leaves_hears_no_complaint(calibrant):
    with calibrant.begin("instruments", "list") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) in (0, 1)


def test_what_cannot_be_begun_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "a.fits").write_text("no frame")
    (tmp_path / "camera.yaml").write_text("name: camera\n")
    tiny = ("-i", "simcam-tiny")
    known = ("replay", "some", "-i", "st402")
    cases = {
        ("replay", "missing", *tiny): ("folder missing does not exist",),
        ("replay", "camera.yaml", *tiny): ("camera.yaml is no folder",),
        ("replay", "some", "-i", "st403"): ("st403", "known are", "st402"),
        ("replay", "some", "-i", "camera.yaml"): ("camera.yaml", "detectors"),
        (*known, "--set", "bias.sigmma=4"): ("bias has no parameter 'sigmma'", "'sigma'"),
        (*known, "--make", "linearty"): ("'linearty' is no kind", "do you mean 'linearity'?"),
        ("demo", "--effect", "crostalk"): ("no effect 'crostalk'; do you mean 'crosstalk'?",),
        (*known, "--set", "bias"): ("--set bias: write recipe.parameter=value",),
        (*known, "--begin", "tomorrow"): ("--begin tomorrow", "2026-01-01T00:00:00"),
        (*known, "--statistic", "average"): ("statistic", "'median'"),
        ("demo", "--instrument", "st402"): ("st402 cannot be simulated", "simcam-tiny"),
        ("run", "missing.yaml"): ("missing.yaml", "No such file"),
    }
    for words, parts in cases.items():
        said = here(*words, "--data-dir", "data", code=2).err
        assert said.startswith("error: "), words
        assert len(said.splitlines()) == 1, said
        for part in parts:
            assert part in said, f"{words}: {said}"


@pytest.mark.parametrize(
    ("option", "address", "advice"),
    [
        ("--bus", "localhost:9092", "kafka://HOST:PORT"),
        ("--database", "postgresql://me:geheim@localhost/cal", "database_password"),
        ("--objects", "bucket", "s3://BUCKET"),
    ],
)
def test_a_wrong_address_is_refused_by_the_name_of_its_setting(tmp_path, option, address, advice):
    said = here("products", "list", option, address, "--data-dir", tmp_path, code=2)
    assert said.err.startswith(f"error: setting {option[2:]}: ")
    assert advice in said.err
    assert "geheim" not in said.err + said.out


def test_a_variable_says_where_things_are_as_an_option_does(tmp_path, monkeypatch):
    monkeypatch.setenv("CALIBRANT_DATABASE", "localhost")
    assert "setting database" in here("runs", "list", "--data-dir", tmp_path, code=2).err


def test_a_wrong_setting_of_a_service_ends_the_command_like_any_other(tmp_path, monkeypatch):
    monkeypatch.setenv("CALIBRANT_JOB_MEMORY", "much")
    said = here("up", "sequencer", "--data-dir", tmp_path, "--port", "0", "--ops-port", "0", code=2)
    assert said.err.startswith("error: setting job_memory: ")
    monkeypatch.delenv("CALIBRANT_JOB_MEMORY")
    (tmp_path / "file").touch()
    assert "is no folder" in here("up", "--data-dir", tmp_path / "file" / "data", code=2).err


def test_a_further_command_is_told_with_the_options_that_it_needs(monkeypatch):
    place = Place(data_dir=Path("a b"), database="postgresql://me@db/cal", objects="s3://cal")
    monkeypatch.setenv("CALIBRANT_OBJECTS", "s3://cal")
    assert place.words() == " --data-dir 'a b' --database postgresql://me@db/cal"
    assert Place().words() == ""


def test_every_command_that_looks_at_a_place_has_all_options_of_it():
    options = {"--data-dir", "--bus", "--database", "--objects", "--objects-endpoint"}
    for path in EVERY:
        has = options & set(re.findall(r"--[a-z-]+", here(*path, "--help").out))
        assert has == options or path[:1] == ("instruments",) or not has, path


@pytest.mark.parametrize(
    ("called", "on_path", "typed"),
    [
        (".venv/bin/calibrant", True, ".venv/bin/calibrant"),
        ("{bin}/calibrant", True, "calibrant"),
        ("{bin}/calibrant", False, "{bin}/calibrant"),
        ("/usr/bin/pytest", False, "calibrant"),
    ],
)
def test_a_further_command_works_as_it_is_told_also_where_it_is_not_on_the_path(
    tmp_path, monkeypatch, called, on_path, typed
):
    program = tmp_path / "calibrant"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path) if on_path else "/nowhere")
    monkeypatch.setattr("sys.argv", [called.format(bin=tmp_path)])
    assert options.typed() == typed.format(bin=tmp_path)
