"""Owns running the ``calibrant`` command as a person does, and looking into what it left; for tests alone."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from calibrant.observatory.cli.main import app
from calibrant.observatory.testing.imported import IMPORTED
from calibrant.runtime.testing.forks import Forked

PATIENCE_S = 100.0
POLL_S, SELDOM_S = 0.02, 0.3
"""How often it is looked whether something has come about: at first, and later on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.out)


class Calibrant:
    """Runs the command in a folder, with one worker process unless told otherwise.

    What is forked is spared its imports; see `calibrant.runtime.testing.forks`.

    Parameters
    ----------
    folder : Path
        Its current folder.
    forked : bool
        Whether each is a fork, not a start by the kernel, as long as `forked` is not set to something else.
    variables : str
        Further environment variables.
    """

    def __init__(self, folder: Path, *, forked: bool = False, **variables: str) -> None:
        self.folder = folder
        self.forked = forked
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALIBRANT_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # each start would compile everything again
        own = {"CALIBRANT_WORKER_SLOTS": "1", "COLUMNS": "160"}
        self.environment = {**kept, **own, **variables}
        self.patience_s = PATIENCE_S

    def begin(self, *words: object, **options: Any) -> subprocess.Popen[str]:
        """Start the command in a process group of its own and return at once."""
        started = partial(Forked, modules=IMPORTED) if self.forked else subprocess.Popen
        return started(
            [Path(sys.executable).with_name("calibrant"), *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )

    def __call__(self, *words: object, code: int | None = 0, **options: Any) -> Ended:
        """Run the command to its end and check its exit code; None: any."""
        return self.finish(self.begin(*words, **options), code=code)

    def finish(self, process: subprocess.Popen[str], *, code: int | None = 0) -> Ended:
        """Wait for the command's end and check its exit code; None: any."""
        try:
            out, err = process.communicate(timeout=self.patience_s)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        ended = Ended(process.returncode, out, err)
        assert code is None or ended.code == code, f"exit {ended.code}\n{out[-4000:]}\n{err[-4000:]}"
        return ended

    def refused(self, *words: object, **options: Any) -> str:
        """Run a command that must fail with one line; return the line."""
        ended = self(*words, code=1, **options)
        lines = ended.err.strip().splitlines()
        assert len(lines) == 1, ended.err
        assert lines[0].startswith("error: "), lines[0]
        return lines[0]


def here(*words: object, code: int = 0, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command that starts no service in this process, which is quicker; check its exit code."""
    result = CliRunner(env=environment).invoke(app, [*map(str, words)])
    assert result.exit_code == code, f"exit {result.exit_code}: {result.exception!r}\n{result.output}"
    return Ended(result.exit_code, result.stdout, result.stderr)


def asked(*words: object, code: int = 0, environment: Mapping[str, str] | None = None) -> Any:
    """Ask for an answer in JSON; see `here`."""
    return here(*words, "--json", code=code, environment=environment).json


def events(topic: str, data_dir: Path) -> list[dict[str, Any]]:
    """Return all events of a topic."""
    words = ("events", "tail", "--topic", topic, "-n", 100_000, "--json", "--data-dir", data_dir)
    return [json.loads(line) for line in here(*words).out.splitlines()]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """What a data folder holds when nothing runs on it.

    Parameters
    ----------
    path : Path
        The folder.
    """

    path: Path

    def ask(self, service: str, question: str) -> list[tuple[Any, ...]]:
        """Ask a service's database, which is left as it is."""
        database = sqlite3.connect(f"file:{self.path / 'db' / service}.sqlite?mode=ro", uri=True)
        try:
            return database.execute(question).fetchall()
        finally:
            database.close()

    def services(self) -> list[str]:
        """Return the services that have a database here."""
        return sorted(path.stem for path in (self.path / "db").glob("*.sqlite"))

    def digests(self, below: str) -> dict[str, str]:
        """Return the hash of every file below a part of the folder, by its path there."""
        place = self.path / below
        files = sorted(path for path in place.rglob("*") if path.is_file())
        return {str(p.relative_to(place)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    def unrest(self) -> list[str]:
        """Return what is left to be sent, buried, computed or swept away; nothing after a finished run."""
        found = []
        for service in self.services():
            waiting = self.ask(service, "select topic from outbox")
            dead = self.ask(service, "select topic, reason from dead_letter")
            computing = self.ask(service, "select job_id from execution where state = 'running'")
            found += [f"{service}: {row}" for row in (*waiting, *dead, *computing)]
        return found + [str(path) for path in (self.path / "scratch").rglob("*") if path.is_file()]


def alive(group: int) -> list[int]:
    """Return the processes of a group that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], object], what: str, patience_s: float = 40.0) -> None:
    """Wait until a condition holds.

    Raises
    ------
    TimeoutError
        It did not within the patience.
    """
    end, pause_s = time.monotonic() + patience_s, POLL_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience_s:g} s until {what}")
        time.sleep(pause_s)
        pause_s = min(1.1 * pause_s, SELDOM_S)
