"""Programs of tests that are forks of a process that has everything imported: commands, services.

Owns the client of `calibrant.runtime.testing.fork_server`: a server for each process of tests, started when it is
first needed. A start by the kernel takes a second of imports, or several; tests of a start itself are not for this.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from calibrant.runtime.testing import fork_server
from calibrant.runtime.testing.fork_server import BEGUN, MOST_BYTES, Order
from calibrant.runtime.testing.fork_start import Start

PATIENCE_S = 60.0


class Forked(subprocess.Popen[Any]):
    """A program in Python that is begun by a fork; to its owner it is as any that ``subprocess.Popen`` starts.

    The interpreter's own variables, such as PYTHONHASHSEED, are those that the tests have.

    Parameters
    ----------
    words : sequence
        Its command line; see `calibrant.runtime.testing.fork_start.Start`.
    modules : tuple of str
        What it is to have imported.
    cwd, env, start_new_session
        As ``subprocess.Popen`` has them.
    options
        More of those: stdin, stdout, stderr, text.
    """

    def __init__(
        self,
        words: Sequence[str | os.PathLike[str]],
        *,
        modules: tuple[str, ...] = (),
        cwd: str | os.PathLike[str] = ".",
        env: dict[str, str] | None = None,
        start_new_session: bool = False,
        **options: Any,
    ) -> None:
        variables = dict(os.environ if env is None else env)
        start = Start(
            tuple(os.fspath(word) for word in words), str(Path(cwd).resolve()), variables, start_new_session
        )
        self._order = Order(start, modules)
        super().__init__(words, **options)

    def _execute_child(self, *given: Any) -> None:
        """Ask the server, where the method that this replaces asks the kernel; it has many arguments."""
        own: Any = self
        pipes = given[10:16]
        theirs = [pipes[0], pipes[3], pipes[5]]
        try:
            files = [number if file == -1 else file for number, file in enumerate(theirs)]
            self._line, self.pid = ordered(self._order, files)
        finally:
            own._close_pipe_fds(*pipes)  # noqa: SLF001  as there
        self._child_created = True

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        """Look whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0)
        return self.returncode

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Hear how it ended, as ``os.waitpid`` would tell."""
        try:
            status = answer(self._line, socket.MSG_DONTWAIT if flags & os.WNOHANG else 0)[1]
        except BlockingIOError:
            return 0, 0
        self._line.close()
        return self.pid, status


def ran(
    words: Sequence[str | os.PathLike[str]], *, timeout: float = PATIENCE_S, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as ``subprocess.run`` does with its output captured as text; see `Forked`."""
    pipe = subprocess.PIPE
    with Forked(words, stdout=pipe, stderr=pipe, text=True, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def run(begin: Callable[[], Callable[[], object]], modules: tuple[str, ...] = ()) -> int:
    """Let a process do this and wait; return how it ended: its exit code, or less than 0 the signal."""
    line, _ = ordered(Order(begin, modules), (0, 1, 2))
    with line:
        return os.waitstatus_to_exitcode(answer(line)[1])


def ordered(order: Order, files: Sequence[int]) -> tuple[socket.socket, int]:
    """Give an order, with what is to be standard input, output and error.

    Returns
    -------
    socket
        Where the end is told.
    int
        The process.

    Raises
    ------
    OSError
        It ended before it had begun; its error is on its standard error.
    """
    line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(_door(), [pickle.dumps(order)], [theirs.fileno(), *files])
    what, number = answer(line)
    if what != BEGUN:
        line.close()
        raise OSError(f"the process ended with status {number} before it had begun")
    return line, number


def answer(line: socket.socket, flags: int = 0) -> tuple[str, int]:
    """Hear the next answer; who has gone without one was killed."""
    said = line.recv(MOST_BYTES, flags).decode()
    what, _, number = said.partition(" ")
    return (what, int(number)) if said else (fork_server.ENDED, signal.SIGKILL)


@cache
def _door() -> socket.socket:
    """Start the server of this process, which ends when this is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", fork_server.__name__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours
