"""Lives of a process that a test ends at a step: a fork of the test's own, which has everything imported.

Owns no expectations.
"""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from calibrant.runtime.adapters import open_log
from calibrant.runtime.objects import open_store
from calibrant.runtime.platform import Platform
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.workers import Workers


class KillAt(Probe):
    """Kills this process when a step is passed for the n-th time.

    Parameters
    ----------
    step : Step or None
        Where; None: nowhere.
    passing : int
        At which passing, counted from 1.
    """

    def __init__(self, step: Step | None, passing: int = 1) -> None:
        self._step = step
        self._left = passing

    def at(self, step: Step) -> None:
        """Die, if it is time."""
        if step is self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def lived(life: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a coroutine in a fork; return how that ended: its exit code, or less than 0 the signal."""
    child = os.fork()
    if child == 0:
        _live(life)
    try:
        _, status = os.waitpid(child, 0)
    except BaseException:  # the test is over
        os.kill(child, signal.SIGKILL)
        raise
    return os.waitstatus_to_exitcode(status)


def _live(life: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Live, and never return to what the fork came from."""
    code = os.EX_SOFTWARE
    try:
        asyncio.run(life())
        code = os.EX_OK
    except BaseException:  # noqa: BLE001  told, and the process ends here
        traceback.print_exc()
    finally:
        os._exit(code)


@asynccontextmanager
async def forked_platform(settings: PlatformSettings) -> AsyncIterator[Platform]:
    """Open a platform whose child processes are forks: to be entered before there are threads."""
    workers = Workers(settings.worker_slots or 1, start_method="fork")
    workers.start()
    bus = await open_log(settings)
    try:
        platform = Platform(settings, bus, open_store(settings), workers)
        await platform.ensure_topics()
        yield platform
    finally:
        await asyncio.to_thread(workers.close)
        await bus.close()


async def settled(process: ServiceProcess) -> bool:
    """Tell whether a service has nothing to do: nothing waits, nothing is in hand, everything is sent."""
    state = await process.status()
    return not state["outbox"] + state["in_hand"] + sum(state["lag"].values())
