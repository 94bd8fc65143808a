"""The processes that answer requests: starting them, asking, ending them. Must not know what they do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from combiners.rounds import Contestant, MissingError

BENCH = Path(__file__).parent.parent


class Worker:
    """A process that speaks as `serving` says; it starts when it is first asked.

    Parameters
    ----------
    command
        Gives what to run, when it is to start.
    """

    def __init__(self, command: Callable[[], Sequence[str]]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate()

    def seconds(self, job: str, save: Path | None = None) -> float:
        """Let a job be done; return the seconds that it took.

        Raises
        ------
        MissingError
            When the process cannot run or the job fails; the text says why.
        """
        process = self._started()
        request = {"job": job} if save is None else {"job": job, "save": str(save)}
        try:
            process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            raise MissingError("it has ended") from None
        line = process.stdout.readline()  # type: ignore[union-attr]
        answer = json.loads(line or '{"problem": "it has ended without an answer"}')
        if "problem" in answer:
            raise MissingError(answer["problem"])
        return float(answer["seconds"])

    def contestants(self, *jobs: str) -> dict[str, Contestant]:
        """Return jobs as contestants under their own names."""
        return {job: partial(self.seconds, job) for job in jobs}

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = self._command()
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=BENCH
                )
            except OSError as problem:
                raise MissingError(f"{command[0]} cannot be run: {problem.strerror}") from problem
        return self._process
