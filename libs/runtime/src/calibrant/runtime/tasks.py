"""Tasks of the event loop at their end: waited for, cancelled, told of. Knows nothing of what they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

log = logging.getLogger(__name__)


async def wait(tasks: Sequence[asyncio.Task[Any]], timeout_s: float | None) -> None:
    """Wait until all have ended, so many seconds at most; None: as long as it takes."""
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)


async def cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel all that still run, and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def tell_fault(task: asyncio.Task[None]) -> None:
    """Log the end of a task that should have run on."""
    if not task.cancelled() and task.exception() is not None:
        log.error("%s ended", task.get_name(), exc_info=task.exception())
