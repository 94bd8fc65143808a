"""A server that ends when whoever started it is killed: kill -9 leaves no time to stop what one has started.

Owns one small process that waits for the end of this one. Must not know which server it is.
"""

import signal
import subprocess


class Leash:
    """Kills a process as soon as this one is gone, however it went.

    Parameters
    ----------
    pid
        The process at the other end.
    how
        The signal that ends it.
    """

    def __init__(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        ends_it = ["/bin/sh", "-c", f'cat; kill -{how.value} "$0"', str(pid)]
        self._watch = subprocess.Popen(  # noqa: S603
            ends_it, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def release(self) -> None:
        """Let go, before the process is ended in order."""
        self._watch.kill()
        self._watch.wait()
        if self._watch.stdin is not None:
            self._watch.stdin.close()
