"""Processes brought to a standstill, for tests of what others do meanwhile.

Owns the wait: SIGSTOP returns before its process stands still, and until then its threads go on answering.
Must not know which processes they are, nor who lets them go on.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 60.0
_STANDS: Final = "TtZX"  # stopped, traced, or ended


def halt(*processes: int) -> None:
    """Stop processes (SIGSTOP), and return when every thread of them stands still.

    Parameters
    ----------
    processes
        Their ids; one that has ended is passed over.

    Raises
    ------
    TimeoutError
        One goes on after a minute.
    """
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
    end_s = time.monotonic() + _PATIENCE_S
    for process in processes:
        while not _stands(process):
            if time.monotonic() > end_s:
                raise TimeoutError(f"process {process} goes on {_PATIENCE_S:g} s after SIGSTOP")
            time.sleep(0.001)


def _stands(process: int) -> bool:
    return all(_state(told) in _STANDS for told in Path(f"/proc/{process}/task").glob("*/stat"))


def _state(told: Path) -> str:
    try:
        return told.read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except OSError:  # the thread has just ended
        return "X"
