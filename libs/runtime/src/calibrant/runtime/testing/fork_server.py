"""Processes by the dozen: each is a fork of one that has everything imported, so none waits for imports.

Owns the server, which has one thread, and how a fork tells of its begin and its end. Must not know what is to be done,
nor who asks: see `calibrant.runtime.testing.forks`. ``python -m calibrant.runtime.testing.fork_server DOOR`` serves.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, NoReturn

from calibrant.runtime.garbage import sparing

MOST_BYTES: Final = 200_000
"""Of an order, which is one message."""
BEGUN, ENDED = "begun", "ended"
"""What is answered: the first with the process's number, the second with its status as ``waitpid`` gives it."""
_FILES: Final = 4
"""That come with an order: the socket for answers; standard input, output and error."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to do.

    Parameters
    ----------
    begin : callable
        What it does before it is said that it has begun; it gives what it does then, to its end.
    modules : tuple of str
        What the server imports before, unless it has.
    """

    begin: Callable[[], Callable[[], object]]
    modules: tuple[str, ...] = ()


def serve(door: socket.socket) -> Callable[[], object]:
    """Fork for each order until nobody can give one; return in the forks alone, with what they are to do."""
    while True:
        asked, files, _, _ = socket.recv_fds(door, MOST_BYTES, _FILES)
        _see_off()
        if not asked:
            sys.exit()
        order = _understood(asked)
        if os.fork() == 0:
            door.close()
            return _begun(order, *files)
        for file in files:
            os.close(file)


def _see_off() -> None:
    """Wait for those who have ended, so that their processor time is this process's, and in the end its owner's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _understood(asked: bytes) -> Order:
    """Import what an order names, once for all."""
    with sparing():
        order: Order = pickle.loads(asked)  # noqa: S301  from our own socket
        for module in order.modules:
            import_module(module)
    gc.freeze()
    return order


def _begun(order: Order, answers: int, *standard: int) -> Callable[[], object]:
    """Fork once more: that process begins and returns, this one waits for its end, and tells of it."""
    with socket.socket(fileno=answers) as line:
        child = os.fork()
        if child != 0:
            _watch(child, line, standard)
        for number, file in enumerate(standard):
            os.dup2(file, number)
            os.close(file)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work = order.begin()
        line.send(f"{BEGUN} {os.getpid()}".encode())
        return work


def _watch(child: int, line: socket.socket, standard: Sequence[int]) -> NoReturn:
    """Say how a child ended; until that has been heard its number is nobody else's, as its parent is used to."""
    for file in standard:
        os.close(file)
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    status = ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status
    with suppress(OSError):  # who asked is gone
        line.send(f"{ENDED} {status}".encode())
        line.recv(1)
    os.waitpid(child, 0)
    os._exit(0)


def main(door: int) -> None:
    """Serve, and in a fork do what it is for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: it ends when its owner does
    with socket.socket(fileno=door) as line:
        work = serve(line)
    try:
        work()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        _leave(end.code or os.EX_OK)
    _leave(os.EX_OK)


def _leave(code: int) -> None:
    """Do what an interpreter does at its end, but for taking all apart that was imported, which is most of its work."""
    interpreter: Any = threading
    interpreter._shutdown()  # noqa: SLF001  it waits for threads, as multiprocessing has it done
    atexit._run_exitfuncs()  # noqa: SLF001
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # it says so
    os._exit(code & 0xFF)


if __name__ == "__main__":
    main(int(sys.argv[1]))
