"""A bell that threads ring and one task waits for. Knows nothing of what there is to do."""

import asyncio
import contextlib


class Bell:
    """Rings may come from any thread, also before anyone listens; several make one."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits."""
        if self._loop is None:
            self._rung.set()
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody will wait again
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, timeout_s: float) -> None:
        """Wait for a ring, at most ``timeout_s`` seconds."""
        self._loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        self._rung.clear()
