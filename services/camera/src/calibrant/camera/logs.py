"""What the camera's log says, as events: from a level on that is commanded, never waited for.

Owns the handler that hears the log. Must not know commands or tables.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from calibrant.camera.transactions import Transactions
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import LogLevel, LogMessage
from calibrant.contracts.common.v1 import TaiTime
from calibrant.runtime.clock import TAI_MINUS_UTC_S
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.telemetry.logs import without_secrets
from calibrant.runtime.unit_of_work import UnitOfWork

LOG: Final = "calibrant.camera"
"""The log whose messages are told."""
LEVELS: Final = (logging.DEBUG, logging.CRITICAL)
"""The lowest and the highest level that can be commanded."""
_MOST: Final = 1000
"""Messages that wait to be told; older ones are forgotten."""
_LONGEST: Final = 20_000
"""Characters of the longest text that is told."""


def tellable(text: str) -> str:
    """Return what an event may say of a text of the program: no secrets, no half characters, of a long one the two ends."""
    told = without_secrets(text).encode("utf-8", "backslashreplace").decode()
    if len(told) <= _LONGEST:
        return told
    half = _LONGEST // 2
    return f"{told[:half]}\n... {len(told) - 2 * half} characters ...\n{told[-half:]}"


@dataclass(slots=True)
class CameraLog:
    """The log of a camera, and from which level on it is told.

    Parameters
    ----------
    component
        The camera.
    boot_id
        Identifier of this boot of it: its messages are none of another one's.
    level
        Messages of this level and above are told.
    """

    component: str
    boot_id: str
    level: int = logging.INFO
    _waiting: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST))
    _wake: Callable[[], None] = field(default=lambda: None)

    def told(self) -> LogLevel:
        """Return the event that tells the level."""
        return LogLevel(component=self.component, level=self.level)

    def choose(self, level: int) -> None:
        """Tell messages from another level on."""
        self.level = level
        logging.getLogger(LOG).setLevel(level)

    async def tell(self, process: ServiceProcess) -> None:
        """Tell for ever what this process' log of cameras says."""
        loop, woken, told = asyncio.get_running_loop(), asyncio.Event(), 0

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(woken.set)

        self._wake = wake
        log, hearing = logging.getLogger(LOG), _Hearing(self)
        before = log.level
        self.choose(self.level)
        log.addHandler(hearing)
        try:
            while True:
                await woken.wait()
                woken.clear()
                while self._waiting:
                    told += 1
                    await self._tell_waiting(process, f"log:{self.boot_id}:{told}")
        finally:
            log.removeHandler(hearing)
            log.setLevel(before)

    async def _tell_waiting(self, process: ServiceProcess, cause: str) -> None:
        messages = self.take()

        def work(unit: UnitOfWork) -> None:
            unit.emit(messages)

        await Transactions(process).unit(cause, "", work)

    def take(self) -> list[Message]:
        """Return the messages that wait to be told, which no longer wait."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def hear(self, record: logging.LogRecord) -> None:
        """Take a message of the log in, from whatever thread."""
        if record.levelno < self.level:
            return
        where = None
        if record.exc_info and record.exc_info[0]:
            where = tellable("".join(traceback.format_exception(*record.exc_info)))
        utc_ns = round(record.created * 1e9)
        self._waiting.append(
            LogMessage(
                component=self.component,
                name=record.name,
                level=record.levelno,
                message=tellable(record.getMessage()),
                traceback=where,
                function_name=record.funcName or "",
                line_number=record.lineno,
                process=record.process or 0,
                written=TaiTime.from_ns(utc_ns + TAI_MINUS_UTC_S * 1_000_000_000),
            )
        )
        self._wake()


class _Hearing(logging.Handler):
    """Hands messages over; one that cannot be handed over is passed over, as logging does."""

    def __init__(self, camera: CameraLog) -> None:
        super().__init__()
        self._camera = camera

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a message over."""
        try:
            self._camera.hear(record)
        except Exception:  # noqa: BLE001  what is logged must not fail for being told
            self.handleError(record)
