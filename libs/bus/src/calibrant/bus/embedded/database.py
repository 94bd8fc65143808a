"""One connection on one worker thread: SQLite without ever blocking the event loop.

Owns the connection, transactions, and what SQLite's errors mean for a retry. Must not know the tables.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

from calibrant.bus.embedded.schema import connect
from calibrant.bus.errors import BusCorrupt, BusUnavailable

T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL"]

_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked; it is tried again, find out who if this lasts",
    sqlite3.SQLITE_LOCKED: "it is locked; it is tried again",
    sqlite3.SQLITE_PROTOCOL: "its lock is contended; it is tried again",
    sqlite3.SQLITE_FULL: "the disk is full; make room, nothing was written",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk and its free space",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_READONLY: "it cannot be written; check the permissions of the file and its folder",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}
_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_OPEN_RETRY_S: Final = 0.01


class Database:
    """A SQLite file behind one worker thread.

    Parameters
    ----------
    path
        The file; its folder is made if missing.
    synchronous
        FULL: a durable write survives a power cut. NORMAL: it survives a killed process only.
    busy_timeout_s
        How long a write waits for other processes, in seconds.
    """

    def __init__(self, path: Path, *, synchronous: Synchronous, busy_timeout_s: float) -> None:
        self._path = path
        self._synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"bus-{path.name}")
        self._connection: sqlite3.Connection | None = None
        self._level: Synchronous | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the file.

        Raises
        ------
        BusUnavailable, BusCorrupt
            It cannot be opened now, or never.
        """
        try:
            self._connection = await self._on_thread(self._connect)
        except BaseException:
            await self.close()
            raise

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work that only reads, on one snapshot.

        Raises
        ------
        BusUnavailable, BusCorrupt
            The file cannot be read now, or never.
        """
        return await self._on_thread(partial(self._transact, "BEGIN", work))

    async def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run work in one write transaction; what it raises rolls it back.

        Parameters
        ----------
        work
            Given the connection.
        durable
            False: a power cut may undo it (heartbeats, offsets); a later durable write makes it last as well.

        Raises
        ------
        BusUnavailable, BusCorrupt
            The file cannot be written now, or never.
        """
        level = self._synchronous if durable else "NORMAL"
        return await self._on_thread(partial(self._transact, "BEGIN IMMEDIATE", work, level))

    async def data_version(self) -> int:
        """Give a number that changes when another connection has written."""
        return await self._on_thread(self._data_version)

    async def close(self) -> None:
        """Finish what is under way and close; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise BusUnavailable(f"the log {self._path} was closed: open it again")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._translated, work)

    def _translated(self, work: Callable[[], T]) -> T:
        """Run work, turning SQLite's errors into ours."""
        try:
            return work()
        except sqlite3.Error as error:
            code = _primary_code(error)
            if code in _UNAVAILABLE:
                raise BusUnavailable(f"the log {self._path}: {_UNAVAILABLE[code]} ({error})") from error
            if code in _CORRUPT:
                raise BusCorrupt(
                    f"the log {self._path} is damaged or no log at all ({error}): restore it, or move it away"
                ) from error
            raise
        except OSError as error:
            raise BusUnavailable(f"the log {self._path} cannot be opened: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        """Open, waiting while another process is turning the same new file into a write-ahead log."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        end_s = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                return connect(self._path, busy_timeout_s=self._busy_timeout_s)
            except sqlite3.OperationalError as error:
                if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= end_s:
                    raise
                time.sleep(_OPEN_RETRY_S)

    def _transact(
        self, begin: str, work: Callable[[sqlite3.Connection], T], level: Synchronous | None = None
    ) -> T:
        connection = self._opened()
        if level not in {None, self._level}:
            connection.execute(f"PRAGMA synchronous = {level}")
            self._level = level
        connection.execute(begin)
        try:
            result = work(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return result

    def _data_version(self) -> int:
        version: int = self._opened().execute("PRAGMA data_version").fetchone()[0]
        return version

    def _opened(self) -> sqlite3.Connection:
        assert self._connection is not None, "open() comes first"
        return self._connection


def _primary_code(error: sqlite3.Error) -> int | None:
    """Give SQLite's result code without its extension; None for an error of Python's module itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
