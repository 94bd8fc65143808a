"""Short lives by the dozen: each is a fork of a process that has everything imported, so none waits for imports.

Owns the server, which forks, and its client. ``python -m calibrant.runtime.testing.probe_forks SOCKET`` serves.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from calibrant.runtime.testing.lives import lived
from calibrant.runtime.testing.probe_life import Life, live

_IMPORTED_LATE = ("alembic.command", "alembic.runtime.environment", "alembic.ddl", "psycopg", "aiokafka")


class Forks:
    """A server of lives, as a context manager; lives may be asked for from several threads.

    Parameters
    ----------
    folder : Path
        Where its socket is made.
    """

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "forks"
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start the server and wait until it serves."""
        # What the killed have left to the kernel is none of the next one's business.
        quiet = {**os.environ, "PYTHONWARNINGS": "ignore::UserWarning"}
        self._server = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", __name__, str(self._socket)], env=quiet, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            raise RuntimeError(f"the server of lives ended with {self._server.wait()}; its error is above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()

    def live(self, life: Life) -> int:
        """Let a process live this life; return how it ended: its exit code, or less than 0 the signal."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._socket))
            line.sendall(pickle.dumps(life))
            line.shutdown(socket.SHUT_WR)
            with line.makefile() as answer:
                return int(answer.read())


def serve(path: str) -> None:
    """Fork for each life that is asked for, for ever."""
    for module in _IMPORTED_LATE:
        import_module(module)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
        sys.stdout.write("serving\n")
        sys.stdout.flush()
        while True:
            line, _ = door.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                door.close()
                _answer(line)
            line.close()


def _answer(line: socket.socket) -> NoReturn:
    """Let the life be lived in one more process, and say how that ended."""
    with line.makefile("rb") as asked:
        life: Life = pickle.loads(asked.read())  # noqa: S301  from our own socket
    line.sendall(str(lived(partial(live, life))).encode())
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
