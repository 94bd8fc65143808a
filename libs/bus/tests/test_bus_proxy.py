"""The proxy of the failure tests spoils the line as it is told to, and not otherwise."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from calibrant.bus.testing.proxy import LOOPBACK, Proxy

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def echo():
    async def answer(reader, writer):
        with suppress(ConnectionResetError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    async with await asyncio.start_server(answer, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def asked(streams, line):
    reader, writer = streams
    writer.write(line)
    return await reader.readline()


async def closed(streams):
    streams[1].close()
    await asyncio.gather(streams[1].wait_closed(), return_exceptions=True)


async def test_a_line_is_passed_on_both_ways_and_slowed_on_demand():
    async with echo() as target, Proxy(target) as proxy:
        streams = await asyncio.open_connection(LOOPBACK, proxy.port)
        assert await asked(streams, b"1\n") == b"1\n"
        proxy.delay_s = 0.05
        began = asyncio.get_running_loop().time()
        assert await asked(streams, b"2\n") == b"2\n"
        assert asyncio.get_running_loop().time() - began >= 0.1
        await closed(streams)


async def test_a_cut_line_ends_and_a_new_one_is_taken():
    async with echo() as target, Proxy(target) as proxy:
        streams = await asyncio.open_connection(LOOPBACK, proxy.port)
        assert await asked(streams, b"1\n") == b"1\n"
        await proxy.cut()
        assert proxy.connections == 0
        with pytest.raises(ConnectionResetError):
            await asked(streams, b"2\n")
        await closed(streams)
        again = await asyncio.open_connection(LOOPBACK, proxy.port)
        assert await asked(again, b"3\n") == b"3\n"
        await closed(again)


async def test_refused_is_refused_until_accepted_again_at_the_same_port():
    async with echo() as target, Proxy(target) as proxy:
        port = proxy.port
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, port)
        await proxy.accept()
        streams = await asyncio.open_connection(LOOPBACK, port)
        assert await asked(streams, b"1\n") == b"1\n"
        await closed(streams)


async def test_a_server_that_is_away_ends_the_line():
    async with echo() as target:
        pass
    async with Proxy(target) as proxy:
        streams = await asyncio.open_connection(LOOPBACK, proxy.port)
        with pytest.raises(ConnectionResetError):
            await streams[0].readline()
        await closed(streams)


async def test_a_long_answer_arrives_whole_when_the_server_hangs_up_after_it():
    answer = b"x" * 3_000_000

    async def answer_and_hang_up(reader, writer):
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with (
        await asyncio.start_server(answer_and_hang_up, LOOPBACK, 0) as server,
        Proxy(server.sockets[0].getsockname()[1]) as proxy,
    ):
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"all of it\n")
        assert await reader.read(-1) == answer
        await closed((reader, writer))


async def test_who_hangs_up_is_known_at_the_other_end():
    heard = asyncio.Event()

    async def listen(reader, writer):
        await reader.read(-1)
        heard.set()
        writer.close()

    async with (
        await asyncio.start_server(listen, LOOPBACK, 0) as server,
        Proxy(server.sockets[0].getsockname()[1]) as proxy,
    ):
        streams = await asyncio.open_connection(LOOPBACK, proxy.port)
        await closed(streams)
        await asyncio.wait_for(heard.wait(), 60)
