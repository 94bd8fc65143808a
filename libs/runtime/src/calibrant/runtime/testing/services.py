"""Services of a few lines for tests: made, run, sent something, waited for.

Owns no expectations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import ModuleType
from typing import Any

from calibrant.bus.ports import Message
from calibrant.runtime.database import DatabaseUnavailable
from calibrant.runtime.handlers import HandlerTable, collect
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.unit_of_work import UnitOfWork

PATIENCE_S = 60.0
SELDOM_S = 0.05
"""Longest pause between two questions; to ask may mean to read a database."""


def table(**functions: Callable[..., Any]) -> HandlerTable:
    """Make a table of these handlers."""
    module = ModuleType("handlers_of_a_test")
    vars(module).update(functions)
    return collect(module)


@asynccontextmanager
async def running(*processes: ServiceProcess) -> AsyncIterator[None]:
    """Run services until the block ends, then drain them."""
    async with AsyncExitStack() as stack:
        for process in processes:
            await process.start()
            stack.push_async_callback(process.stop, 5.0)
        yield


async def send_done(platform: Platform, *job_ids: str, raw: Sequence[Message] = ()) -> None:
    """Say of jobs that they are done, all under one key, and send raw messages after that."""
    records = [
        record_of(job_done(name), topic="combine-results", event_id=f"event-{name}") for name in job_ids
    ]
    messages = [Message(record.topic, "one-key", record.value, record.headers) for record in records]
    async with platform.bus.producer() as producer:
        await producer.send([*messages, *raw])


async def until(true: Callable[[], Awaitable[object]]) -> None:
    """Ask until the answer is true.

    Raises
    ------
    TimeoutError
        It does not come true.
    """
    pause_s = 0.01
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # what is waited for is told by nobody
            await asyncio.sleep(pause_s)
            pause_s = min(1.1 * pause_s, SELDOM_S)


@contextmanager
def answer_lost(causes: str) -> Iterator[None]:
    """Lose the answer to each commit of a unit of work whose cause begins so, as when the server goes away just then."""
    whole = ServiceProcess.unit_of_work

    @contextmanager
    def lost(self: ServiceProcess, cause: str, correlation_id: str | None = None) -> Iterator[UnitOfWork]:
        with whole(self, cause, correlation_id) as unit:
            yield unit
        if cause.startswith(causes):
            raise DatabaseUnavailable("the server went away")

    ServiceProcess.unit_of_work = lost  # type: ignore[method-assign]
    try:
        yield
    finally:
        ServiceProcess.unit_of_work = whole  # type: ignore[method-assign]
