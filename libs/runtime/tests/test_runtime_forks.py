"""Forks in the place of programs that are started: they find what those find, and end as those end."""

import json
import os
import signal
import subprocess
import sys

import pytest

from calibrant.runtime.testing import forks
from calibrant.runtime.testing.forks import Forked

TELL = """
import json, os, signal, sys, threading, warnings
told = {
    "arguments": sys.argv, "folder": os.getcwd(), "variables": dict(os.environ), "name": __name__,
    "apart": (os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()),
    "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "input": sys.stdin.read(), "threads": threading.active_count(), "filters": [repr(one) for one in warnings.filters],
    "files": [number for number in range(20) if os.path.exists(f"/proc/self/fd/{number}")],
}
print(json.dumps(told))
print("complaint", file=sys.stderr)
sys.exit(7)
"""
SPAWN = """
import multiprocessing, os, signal
from concurrent.futures import ProcessPoolExecutor
spawning = multiprocessing.get_context("spawn")
with ProcessPoolExecutor(1, spawning) as pool:
    print(pool.submit(os.getpgrp).result(), pool.submit(os.getenv, "CALIBRANT_TOLD").result())
killed = spawning.Process(target=signal.raise_signal, args=(signal.SIGKILL,))
killed.start()
killed.join()
print(killed.exitcode)
"""
ENDS = {
    "sys.exit()": 0,
    "sys.exit('so')": 1,
    "1 / 0": 1,
    "os._exit(9)": 9,
    "os.kill(os.getpid(), signal.SIGKILL)": -signal.SIGKILL,
    "os.kill(os.getpid(), signal.SIGTERM)": -signal.SIGTERM,
}


def told(start, folder, *, apart):
    process = start(
        [sys.executable, "-c", TELL, "one", "two words"],
        cwd=folder,
        env={**os.environ, "CALIBRANT_TOLD": "this"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=apart,
    )
    with process:
        out, err = process.communicate("question")
    return json.loads(out), err, process.returncode


@pytest.mark.parametrize("apart", [True, False])
def test_a_fork_finds_what_a_started_one_finds(tmp_path, apart):
    started = told(subprocess.Popen, tmp_path, apart=apart)
    assert started[0]["apart"] == [apart, apart]
    forked = told(Forked, tmp_path, apart=apart)
    assert (
        len(forked[0].pop("files")) - len(started[0].pop("files")) == 1
    )  # to the fork that forks its children
    usual = started[0]["filters"]  # a fork has those of modules that were imported for others, too
    forked[0]["filters"] = [one for one in forked[0]["filters"] if one in usual]
    assert forked[0] == started[0]
    assert forked[1:] == started[1:]


@pytest.mark.parametrize(("code", "ended"), ENDS.items())
def test_it_ends_as_a_started_one(code, ended):
    assert forks.ran([sys.executable, "-c", f"import os, signal, sys; {code}"]).returncode == ended


def test_it_finishes_at_its_end_what_a_started_one_does():
    code = "import atexit, threading; atexit.register(print, 'last'); print('first', end=' ')"
    late = "threading.Timer(0.1, print, ['second'], {'end': ' '}).start()"
    assert forks.ran([sys.executable, "-c", f"{code}; {late}"]).stdout == "first second last\n"


def test_it_is_polled_signalled_and_waited_for_as_a_started_one():
    code = "import sys; print('here', flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with Forked([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout.readline() == "here\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(60) == process.poll() == -signal.SIGKILL


def test_an_ended_one_keeps_its_number_until_it_is_waited_for():
    with Forked([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == b""
        os.kill(process.pid, 0)  # it is still that one's
        assert process.wait(60) == 0


def test_a_folder_that_is_not_there_is_an_error(tmp_path, capfd):
    with pytest.raises(OSError, match="before it had begun"):
        Forked([sys.executable, "-c", "pass"], cwd=tmp_path / "none")
    assert str(tmp_path / "none") in capfd.readouterr().err


def test_what_it_spawns_is_in_its_group_with_its_variables_and_ends_as_spawned_ones():
    with Forked(
        [sys.executable, "-c", SPAWN],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "CALIBRANT_TOLD": "this"},
    ) as process:
        group, told, code = process.communicate()[0].split()
    assert (int(group), told, int(code)) == (process.pid, "this", -signal.SIGKILL)
    assert process.returncode == 0
