"""The client's side over the log: sends a component commands, waits for their answers, hears its events.

Owns who waits for which message. What an answer means, and when to give up, the ladder of ``acks`` knows.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from calibrant.bus.errors import CalibrantError
from calibrant.bus.ports import Bus
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import AckCode, CommandAck
from calibrant.runtime.access.roles import Role
from calibrant.runtime.clock import Clock, SystemClock
from calibrant.runtime.ids import Ids, RandomIds
from calibrant.sal.acks import Tracker
from calibrant.sal.commands import COMMANDS, Command
from calibrant.sal.composer import Composer
from calibrant.sal.fields import filled
from calibrant.sal.line import ACKS, EVENTS, TELEMETRY, Line
from calibrant.sal.numbers import HIGHEST, SequenceNumbers

E = TypeVar("E", bound=Message)
_NS = 1e9
_HISTORY = 1000
"""How many of the newest events are looked through for the last of each type."""


class CommandFailed(CalibrantError):
    """A command has not ended in COMPLETE.

    Parameters
    ----------
    tracker
        What is known of it: the last answer and its text.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        super().__init__(f"{tracker.command}: {tracker.ack.name} ({tracker.ack.number}): {tracker.result}")


class Remote:
    """Commands one component and hears its events. An async context manager.

    A program that ends takes nothing back: what it has commanded goes on, and the same command given again under
    the same cause is answered and not carried out twice.

    Parameters
    ----------
    bus
        The log, with its topics.
    component
        The component commanded, such as "camera".
    identity
        Who commands.
    roles
        What it may do.
    clock, ids
        Time and identifiers; None: the system's.
    """

    def __init__(
        self,
        bus: Bus,
        component: str,
        identity: str,
        *,
        roles: tuple[str, ...] = (Role.OPERATOR.value,),
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self._clock, self._ids = clock or SystemClock(), ids or RandomIds()
        self._composer = Composer(
            component,
            identity,
            self._clock,
            roles,
            origin=secrets.randbelow(HIGHEST) + 1,
            numbers=SequenceNumbers(tuple(COMMANDS)),
        )
        self._line = Line(bus, component, identity, self._clock, self._ids)
        self._waiting: dict[str, list[asyncio.Queue[Message | Exception]]] = defaultdict(list)
        self._last: dict[str, Message] = {}
        self._fault: Exception | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect, and look up the last event of each type.

        Raises
        ------
        BusUnavailable, UnknownTopic, AccessDenied
            The log is away, has no topics of components, or does not let us.
        """
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._line)
            after = await self._line.ends((ACKS, EVENTS, TELEMETRY))
            for event in await self._line.newest(EVENTS, _HISTORY):
                self._last[event.message_type] = event
            listening = asyncio.create_task(self._listen(after))
            opening.push_async_callback(_ended, listening)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; what was commanded goes on."""
        await self._open.aclose()

    async def send(
        self,
        kind: type[Command],
        *cause: str,
        begin_within_s: float = 60.0,
        patience_s: float = 5.0,
        told: Callable[[CommandAck], None] | None = None,
        **fields: Any,
    ) -> Tracker:
        """Send a command and wait for its end; each IN_PROGRESS extends the time by what it says.

        Parameters
        ----------
        kind
            Its type, such as ``TakeImages``.
        cause
            What asks for it, in parts: the same again is the same command, and is carried out once. Without, it
            is a new one.
        begin_within_s
            The component must begin it within so many seconds; else it answers TIMEOUT.
        patience_s
            How many seconds longer than told to wait for each answer.
        told
            Is called with every answer.
        fields
            The command's own fields; those left out are 0, false or empty.

        Returns
        -------
        Tracker
            The end: COMPLETE, its text, and the images that were taken.

        Raises
        ------
        CommandFailed
            It ended otherwise, or no answer came (NO_ACK).
        TypeError, pydantic.ValidationError
            It has no such field, or a value does not fit.
        BusUnavailable
            It could not be sent.
        """
        cause = cause or (self._ids.new(),)
        header = self._composer.header(kind, *cause, timeout_s=begin_within_s)
        command = kind(header=header, **filled(kind, fields))
        tracker = self._composer.track(command, patience_s=patience_s)
        with self._hearing(header.command_id) as answers:
            await self._line.say(command)
            while not tracker.final:
                ack = await self._within(answers, (tracker.wait_until_tai_ns - self._clock.tai_ns()) / _NS)
                if isinstance(ack, CommandAck):
                    known, tracker = tracker, tracker.acknowledged(ack, self._clock.tai_ns())
                    if told is not None and tracker is not known:
                        told(ack)
                tracker = tracker.at(self._clock.tai_ns())
        if tracker.ack is not AckCode.COMPLETE:
            raise CommandFailed(tracker)
        return tracker

    def last(self, kind: type[E]) -> E | None:
        """Return the last event of a type that was heard, or that the log's newest hold; None for none."""
        found = self._last.get(kind.message_type)
        return found if isinstance(found, kind) else None

    async def events(self, kind: type[E]) -> AsyncIterator[E]:
        """Give events of a type as they come, from now on, for ever."""
        with self._hearing(kind.message_type) as heard:
            while True:
                event = await heard.get()
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, kind):
                    yield event

    async def until(
        self, kind: type[E], wanted: Callable[[E], bool] = lambda _: True, *, timeout_s: float
    ) -> E:
        """Return the last event of a type if it is what is wanted, else the first one that comes and is.

        Raises
        ------
        TimeoutError
            None has come within so many seconds.
        """
        with self._hearing(kind.message_type) as heard:
            event: Message | Exception | None = self.last(kind)
            async with asyncio.timeout(timeout_s):
                while not (isinstance(event, kind) and wanted(event)):
                    event = await heard.get()
                    if isinstance(event, Exception):
                        raise event
        return event

    async def _listen(self, after: dict[Any, int]) -> None:
        try:
            async for message in self._line.follow((ACKS, EVENTS, TELEMETRY), after):
                about = message.command_id if isinstance(message, CommandAck) else message.message_type
                if not isinstance(message, CommandAck):
                    self._last[about] = message
                for queue in self._waiting.get(about, ()):
                    queue.put_nowait(message)
        except CalibrantError as error:
            self._fault = error
            for queue in (queue for queues in self._waiting.values() for queue in queues):
                queue.put_nowait(error)
            raise

    @contextmanager
    def _hearing(self, about: str) -> Iterator[asyncio.Queue[Message | Exception]]:
        if self._fault is not None:
            raise self._fault
        queue: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self._waiting[about].append(queue)
        try:
            yield queue
        finally:
            self._waiting[about].remove(queue)
            if not self._waiting[about]:
                del self._waiting[about]

    @staticmethod
    async def _within(queue: asyncio.Queue[Message | Exception], seconds: float) -> Message | None:
        try:
            heard = await asyncio.wait_for(queue.get(), max(seconds, 0.0) + 0.001)
        except TimeoutError:
            return None
        if isinstance(heard, Exception):
            raise heard
        return heard


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task; what it failed with was told to who waited."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
