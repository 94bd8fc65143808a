"""Who a process is, so that another one can tell that it is gone.

Owns the reading of Linux' /proc. Where there is none nothing is known, and time-outs alone decide.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_PROC: Final = Path("/proc")
_GONE: Final = frozenset("ZX")  # zombie, dead: killed, though its parent has not looked yet


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be told from a later one with the same number.

    Parameters
    ----------
    scope
        Where `pid` has a meaning: this boot of this machine, this namespace of processes; '' when unknown.
    pid
        Its number.
    started
        When it started, in the kernel's own count since boot; '' when unknown.
    """

    scope: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Self:
        """Tell who we are."""
        pid = os.getpid()
        try:
            boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            namespace = (_PROC / "self/ns/pid").readlink()
        except OSError:
            return cls("", pid, "")
        found = _state_and_start(pid)
        return cls("", pid, "") if found is None else cls(f"{boot} {namespace}", pid, found[1])

    def saw_end_of(self, other: "Process") -> bool:
        """Tell whether the other is known, from here, to be gone; False when that cannot be known."""
        if not self.scope or self.scope != other.scope:
            return False
        found = _state_and_start(other.pid)
        if found is None:
            return True
        state, started = found
        return state in _GONE or started != other.started


def _state_and_start(pid: int) -> tuple[str, str] | None:
    """Read fields 3 and 22 of /proc/<pid>/stat; None when there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    after_name = text.rpartition(")")[2].split()  # the name, in brackets, may hold anything
    return after_name[0], after_name[19]
