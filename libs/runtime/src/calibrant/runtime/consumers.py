"""The consumers of one service: one for its jobs, one for its short work, in groups of their own.

Owns what stands between the bus and the handlers. Knows neither HTTP nor the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from calibrant.runtime.batches import Batches
from calibrant.runtime.desk import Desk
from calibrant.runtime.dispatch import Dispatcher, Work
from calibrant.runtime.events import EventWork
from calibrant.runtime.health import Health
from calibrant.runtime.job_lanes import JobLanes
from calibrant.runtime.jobs import JobDesk, JobWork
from calibrant.runtime.lanes import BATCH, Batch, Lanes
from calibrant.runtime.leases import Leases
from calibrant.runtime.membership import Membership
from calibrant.runtime.platform import Platform
from calibrant.runtime.scratch import Scratch
from calibrant.runtime.spec import ServiceSpec

AHEAD = 2 * BATCH
"""Short records fetched ahead: while some are dealt with at once, the next may come."""

AHEAD_BYTES = 16 << 20
"""And how many bytes of them: a large one is 4 MiB."""

Running = tuple[str, Callable[[], Coroutine[Any, Any, None]]]


class Consumers:
    """What a service reads with.

    Parameters
    ----------
    spec : ServiceSpec
        The service.
    platform : Platform
        What it stands on.
    health : Health
        Where troubles and counters are told.
    wake_relay : callable
        Called when the outbox has something to send.
    """

    def __init__(
        self, spec: ServiceSpec, platform: Platform, health: Health, wake_relay: Callable[[], None]
    ) -> None:
        self._spec = spec
        self._platform = platform
        self._health = health
        self._wake_relay = wake_relay
        self._scratch = Scratch(platform.data_dir / "scratch" / spec.name)
        self._leases = Leases(
            spec.database, platform.clock, platform.ids.new(), platform.settings.job_lease_s
        )
        self._lanes: list[Lanes | JobLanes] = []

    async def open(self, stack: AsyncExitStack) -> list[Running]:
        """Join the groups; return what has to run from now on, by name. The stack leaves the groups.

        Raises
        ------
        BusUnavailable
            The log is away.
        """
        await asyncio.to_thread(self._scratch.sweep)
        dispatcher, batches = self._dealers()
        workers, handlers = self._platform.workers, self._spec.handlers
        jobs, events = self._spec.topics()
        running: list[Running] = []
        if jobs:
            workers.start(module for handler in handlers.jobs.values() for module in handler.modules)
            running.append(await self._for_jobs(stack, dispatcher, jobs))
        if events:
            running.append(await self._for_events(stack, dispatcher, batches.deal, events))
        return running

    def pause(self) -> None:
        """Take on nothing new until resumed."""
        for lanes in self._lanes:
            lanes.pause()

    def resume(self) -> None:
        """Take on work again."""
        for lanes in self._lanes:
            lanes.resume()

    def drain(self) -> None:
        """Take on nothing new for ever."""
        for lanes in self._lanes:
            lanes.drain()

    def abandon(self) -> None:
        """Cancel what is in hand."""
        for lanes in self._lanes:
            lanes.abandon()

    @property
    def in_hand(self) -> int:
        """Records fetched and not yet dealt with."""
        return sum(lanes.in_hand for lanes in self._lanes)

    def close(self) -> None:
        """Remove the scratch space."""
        self._scratch.close()

    def _dealers(self) -> tuple[Dispatcher, Batches]:
        spec, platform = self._spec, self._platform
        desk = Desk(
            spec.name,
            spec.service,
            spec.database,
            platform.clock,
            self._health,
            platform.probe,
            self._wake_relay,
        )
        jobs = JobDesk(
            platform.objects,
            platform.workers,
            platform.ids,
            self._scratch,
            self._leases,
            platform.settings.job_limit_s,
            spec.config,
        )
        events = EventWork(desk, spec.handlers.events)
        works: dict[str, Work] = dict.fromkeys(spec.handlers.events, events)
        works |= dict.fromkeys(spec.handlers.jobs, JobWork(desk, jobs, spec.handlers.jobs))
        return Dispatcher(desk, works), Batches(events, frozenset(works))

    async def _for_jobs(self, stack: AsyncExitStack, dispatcher: Dispatcher, topics: list[str]) -> Running:
        platform = self._platform
        lanes = JobLanes(
            dispatcher.attempt,
            slots=platform.workers.slots,
            let_go_s=platform.settings.job_let_go_s,
            health=self._health,
            probe=platform.probe,
            part=f"consumer of {', '.join(topics)}",
        )
        self._lanes.append(lanes)
        membership = Membership(platform.bus, f"{self._spec.name}-jobs", topics, lanes)
        await stack.enter_async_context(membership)
        return lanes.part, partial(self._work, lanes, membership)

    async def _work(self, lanes: JobLanes, membership: Membership) -> None:
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._leases.run())
            await lanes.run(membership)
            renewing.cancel()

    async def _for_events(
        self, stack: AsyncExitStack, dispatcher: Dispatcher, batch: Batch, topics: list[str]
    ) -> Running:
        lanes = Lanes(
            dispatcher.attempt,
            slots=1,
            ahead=AHEAD,
            ahead_bytes=AHEAD_BYTES,
            health=self._health,
            probe=self._platform.probe,
            part=f"consumer of {', '.join(topics)}",
            batch=batch,
        )
        consumer = self._platform.bus.consumer(self._spec.name, topics, listener=lanes)
        await stack.enter_async_context(consumer)
        self._lanes.append(lanes)
        return lanes.part, partial(lanes.run, consumer)
