"""A TCP proxy on the loopback that a test stands between a client and a server, to spoil the line.

Owns the line's faults: cut, refused, slow. Must not know what is said over it.
"""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 65536
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections to a port of this machine, as an async context manager.

    Parameters
    ----------
    target
        The port to forward to.
    port
        The port to listen on; 0: any free one.

    Attributes
    ----------
    port : int
        Where it listens; the same after `refuse` and `accept`.
    delay_s : float
        How long each chunk is held before it is passed on, in seconds.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        self.port = port
        self.delay_s = 0.0
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._lines: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut everything and listen no more."""
        await self.refuse()

    @property
    def connections(self) -> int:
        """How many connections stand now."""
        return len(self._lines)

    async def accept(self) -> None:
        """Take connections, again after `refuse`."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Cut all connections and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self.cut()

    async def cut(self) -> None:
        """Cut all connections, without a word (RST); what was under way is lost. New ones are taken."""
        for end in self._ends:
            _reset(end)
        if self._lines:
            await asyncio.wait(self._lines)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.create_task(self._forward(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            _reset(writer)
            self._ends.discard(writer)
            return
        self._ends.add(far_writer)
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        whole = all(await asyncio.gather(*ways))
        for end in (writer, far_writer):
            if whole:
                end.close()  # what is still on its way arrives
            else:
                _reset(end)
            self._ends.discard(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass on what one end says until it has said all, and that too; False where the line was cut."""
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
        except OSError:
            _reset(writer)
            return False
        return True


def _reset(end: asyncio.StreamWriter) -> None:
    if end.transport.is_closing():
        return
    end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    end.transport.abort()
