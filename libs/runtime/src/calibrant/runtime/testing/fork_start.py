"""What a fork does to be a program that was started, ``python -m MODULE`` or a command's script, with all its own.

Owns what the kernel and the interpreter do at a start: session, folder, variables, arguments; and that what
``multiprocessing`` spawns in there is a fork, too. Must not know which programs there are.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a program.

    Parameters
    ----------
    words : tuple of str
        Its command line: the interpreter, ``-m`` with a module or ``-c`` with code, and arguments; or a script in
        Python and arguments.
    folder : str
        Its current folder.
    variables : mapping
        Its environment.
    apart : bool
        Whether it has a session, and so a process group, of its own.
    """

    words: tuple[str, ...]
    folder: str
    variables: Mapping[str, str]
    apart: bool = False

    def __call__(self) -> Callable[[], object]:
        """Become that program's process, and return what runs it."""
        if self.apart:
            os.setsid()
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.variables)
        time.tzset()
        tempfile.tempdir = None  # where that is, a variable tells
        return partial(_run, self.words)


def _run(words: tuple[str, ...]) -> None:
    _fork_what_is_spawned()
    if words[0] != sys.executable:
        sys.path[0], sys.argv = str(Path(words[0]).parent), [*words]
        runpy.run_path(words[0], run_name="__main__")
        return
    _, how, what, *arguments = words
    sys.path[0], sys.argv = str(Path.cwd()), [how, *arguments]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), vars(main))  # noqa: S102  our own tests' code


def _fork_what_is_spawned() -> None:
    """Let child processes, too, have everything imported: forks of one made now, while there is one thread.

    It is the server that the standard library has for its method "forkserver", which would start it anew.
    """
    server: Any = forkserver
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # a name of the kernel's choice, which leaves no file
        listener.listen()
        watched, kept = os.pipe()  # it ends when nobody keeps this open any more
        child = os.fork()
        if child == 0:
            os.close(kept)
            _serve_workers(listener.fileno(), watched)
        os.close(watched)
        known = server._forkserver  # noqa: SLF001  there is no public way
        known._forkserver_address = listener.getsockname()  # noqa: SLF001
        known._forkserver_alive_fd, known._forkserver_pid = kept, child  # noqa: SLF001
        atexit.register(known._stop)  # noqa: SLF001  it waits, so that nothing is left of an ended program
    spawned: Any = SpawnProcess
    spawned._Popen = staticmethod(popen_forkserver.Popen)  # noqa: SLF001


def _serve_workers(listener: int, watched: int) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a program that drains needs its workers
    served: Any = forkserver.main
    with suppress(SystemExit):
        served(listener, watched, ())
    os._exit(0)
