"""Functions for child processes of a test: some die, some fail in odd ways.

Owns no expectations. ``python -m calibrant.runtime.testing.probe_calls FILE`` computes for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.runtime.workers import Workers


class NeedsTwo(PermanentError):
    """An error that does not survive pickling: it wants two words and hands on one."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def divide(one: int, other: int) -> float:
    """Divide."""
    return one / other


def fail(error: Exception) -> NoReturn:
    """Raise it."""
    raise error


def fail_with_two(kind: type[NeedsTwo]) -> NoReturn:
    """Raise an error that does not survive pickling."""
    raise kind("one", "two")


def fail_locally() -> NoReturn:
    """Raise an error of a class that the parent cannot find."""

    class Local(TransientError):
        pass

    raise Local("busy")


def log_a_warning(text: str) -> None:
    """Log something."""
    logging.getLogger("probe").warning(text)


def kill_self(number: int) -> None:
    """Die by a signal."""
    os.kill(os.getpid(), number)


def signals() -> tuple[str, str]:
    """Return what this process does on SIGINT and SIGTERM."""
    found = (signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
    interrupt, terminate = (getattr(handler, "name", str(handler)) for handler in found)
    return interrupt, terminate


def imported(*modules: str) -> list[bool]:
    """Tell which modules are imported."""
    return [module in sys.modules for module in modules]


def say_and_sleep(file: str) -> None:
    """Write down this process's number and compute for ever, as far as anybody can tell."""
    path = Path(file)
    path.with_suffix(".new").write_text(str(os.getpid()), encoding="utf-8")
    path.with_suffix(".new").rename(path)
    threading.Event().wait()


def allocate(count: int) -> int:
    """Allocate so many bytes, touch them and give them back; return how many there were."""
    return len(bytearray(b"1") * count)


def exit_at_once(code: int) -> None:
    """End this process without a word."""
    os._exit(code)


def misbehave(job: CombineJob, _workspace: Workspace) -> Outcome:
    """Do what the job's recipe says: die by a signal, exit, allocate, compute for ever, or nothing of the kind."""
    what, _, how = job.recipe.partition(":")
    if what == "signal":
        kill_self(signal.Signals[how])
    elif what == "exit":
        exit_at_once(int(how))
    elif what == "allocate":
        allocate(int(how))
    elif what == "for-ever":
        threading.Event().wait()
    return Outcome()


def sleep_the_first_time(_job: object, workspace: Workspace) -> Outcome:
    """Compute for ever, unless the file ``config["mark"]`` says that it has done so before."""
    mark = Path(workspace.config["mark"])
    if mark.exists():
        return Outcome()
    mark.touch()
    threading.Event().wait()
    return Outcome()


async def _for_ever(file: str) -> None:
    workers = Workers(1)
    sys.stdout.write(f"{await workers.run(os.getpid)}\n")
    sys.stdout.flush()
    await workers.run(say_and_sleep, file)


if __name__ == "__main__":
    asyncio.run(_for_ever(sys.argv[1]))
