"""The component's side over the log: takes commands on, has them carried out, answers, and tells its state.

Owns the summary state of a component without a database, and its answers as long as it lives. Whether a command is
taken on, ``acceptance`` knows. A command is carried out at most once: what comes while the component is away is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from calibrant.bus.errors import CalibrantError, TransientError
from calibrant.bus.ports import Bus, TopicPartition
from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    ErrorCode,
    Heartbeat,
    SummaryState,
    SummaryStateChanged,
)
from calibrant.runtime.clock import Clock, SystemClock
from calibrant.runtime.ids import Ids, RandomIds
from calibrant.sal.acceptance import ONLY_ANSWERED, Acceptance, Decision, Verdict
from calibrant.sal.acks import NOT_NOW, answer
from calibrant.sal.commands import STATE_COMMANDS, Command, command_name
from calibrant.sal.line import ACKS, COMMANDS_TOPIC, Line
from calibrant.sal.memory import Memory

log = logging.getLogger(__name__)
C = TypeVar("C", bound=Command)
_HEARTBEAT_S = 1.0
_RETRY_S = 1.0
_RESTARTED = "the component was restarted; command anew"


@dataclass(frozen=True, slots=True)
class Doing:
    """A command that is being carried out; its handler tells by it how it gets on."""

    command: Command
    _answer: Callable[[CommandAck], Awaitable[None]]

    async def progress(self, text: str, timeout_s: float) -> None:
        """Answer IN_PROGRESS: the client waits ``timeout_s`` seconds from now for the next answer."""
        await self._answer(answer(self.command, AckCode.IN_PROGRESS, text, timeout_s=timeout_s))

    async def stalled(self, text: str, timeout_s: float) -> None:
        """Answer STALLED: it does not get on for now; the client waits ``timeout_s`` seconds from now."""
        await self._answer(answer(self.command, AckCode.STALLED, text, timeout_s=timeout_s))


Handler = Callable[[C, Doing], Awaitable[str | None]]
"""Carries a command out, and returns what is said of its end; None: Done."""


class Controller:
    """A component on the log: an async context manager that serves until its block ends.

    Parameters
    ----------
    bus
        The log, with its topics.
    component
        Its name.
    clock, ids
        Time and identifiers; None: the system's.
    """

    def __init__(
        self, bus: Bus, component: str, *, clock: Clock | None = None, ids: Ids | None = None
    ) -> None:
        self.component = component
        self.state = SummaryState.STANDBY
        self._clock = clock or SystemClock()
        self._acceptance = Acceptance(component)
        self._line = Line(bus, component, component, self._clock, ids or RandomIds())
        self._handlers: dict[str, tuple[Handler[Command], float]] = {}
        self._memory = Memory()
        self._doing: dict[str, asyncio.Task[None]] = {}
        self._serving: asyncio.Task[None] | None = None
        self._open = AsyncExitStack()

    def on(self, kind: type[C], *, takes_s: float = 60.0) -> Callable[[Handler[C]], Handler[C]]:
        """Register what carries a command out; a state command's runs before the state changes.

        Parameters
        ----------
        kind
            Type of the command.
        takes_s
            What a client is told to wait for the answer after the first, in seconds.
        """

        def register(handler: Handler[C]) -> Handler[C]:
            self._handlers[command_name(kind)] = (handler, takes_s)  # type: ignore[assignment]
            return handler

        return register

    async def __aenter__(self) -> Self:
        """Connect, end what an earlier life has left, tell the state and take commands.

        Raises
        ------
        BusUnavailable, UnknownTopic, AccessDenied
            The log is away, has no topics of components, or does not let us.
        """
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._line)
            after = await self._line.ends((COMMANDS_TOPIC,))
            for left in self._memory.recall(await self._line.newest(ACKS, self._memory.most)):
                changes = {"ack": AckCode.ABORTED, "error": 1, "result": _RESTARTED, "timeout_s": 0.0}
                await self._say(left.model_copy(update=changes))
            await self._tell_state("the component has come up")
            opening.push_async_callback(_end, asyncio.create_task(self._beat()))
            opening.push_async_callback(self._leave)
            self._serving = asyncio.create_task(self._serve(after))
            opening.push_async_callback(_end, self._serving)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: what is being carried out is answered ABORTED, and the state is OFFLINE."""
        await self._open.aclose()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises
        ------
        CalibrantError
            The log does not let us go on; the text says what it objects to.
        """
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def tell(self, *events: Message) -> None:
        """Send events of this component.

        Raises
        ------
        LookupError
            No topic of components takes one.
        BusUnavailable
            The log is away.
        """
        await self._line.say(*events)

    async def fault(self, code: int, report: str) -> None:
        """Stop by an error: tell it, then go into FAULT; ``standby`` leads out of it."""
        await self.tell(ErrorCode(component=self.component, error_code=code, error_report=report))
        self.state = SummaryState.FAULT
        await self._tell_state(report)

    async def _serve(self, after: dict[TopicPartition, int]) -> None:
        async for message in self._line.follow((COMMANDS_TOPIC,), after):
            if isinstance(message, Command):
                await self._take(message)

    async def _take(self, command: Command) -> None:
        decision = self._acceptance.decide(
            command,
            state=self.state,
            now_tai_ns=self._clock.tai_ns(),
            last=self._memory.last(command),
            asked_before=self._memory.asked(command),
            used_by=self._memory.used_by(command),
        )
        if decision.verdict is Verdict.IGNORED:
            return
        if decision.verdict in ONLY_ANSWERED and decision.ack is not None:
            await self._patiently(decision.ack)
            return
        self._memory.note(command)
        refusal = self._refusal(command) if decision.verdict is not Verdict.REFUSED else decision.ack
        if refusal is not None:
            await self._say(refusal)
        else:
            await self._begin(command, decision)

    def _refusal(self, command: Command) -> CommandAck | None:
        name = command_name(command)
        if name not in self._handlers and not isinstance(command, STATE_COMMANDS):
            known = ", ".join(self._handlers) or "none but those of the state"
            return answer(command, AckCode.FAILED, f"{self.component} does not know {name}; it knows {known}")
        if name in self._doing:
            return answer(
                command, AckCode.FAILED, f"busy: another {name} is being carried out", error=NOT_NOW
            )
        return None

    async def _begin(self, command: Command, decision: Decision) -> None:
        name = command_name(command)
        handler, takes_s = self._handlers.get(name, (None, 0.0))
        if handler is None:
            await self._complete(command, decision, None)
            return
        await self._say(answer(command, AckCode.IN_PROGRESS, "begun", timeout_s=takes_s))
        task = asyncio.create_task(self._carry_out(command, decision, handler))
        self._doing[name] = task
        task.add_done_callback(lambda _: self._doing.pop(name))

    async def _carry_out(self, command: Command, decision: Decision, handler: Handler[Command]) -> None:
        try:
            said = await handler(command, Doing(command, self._say))
        except TimeoutError as error:
            await self._say(answer(command, AckCode.TIMEOUT, f"Timed out: {error or 'no further text'}"))
        except asyncio.CancelledError:
            await self._say(answer(command, AckCode.ABORTED, "cut off: the component ends"))
        except Exception as error:
            if not isinstance(error, CalibrantError):
                log.exception("%s failed", command_name(command))
            await self._say(answer(command, AckCode.FAILED, f"Failed: {error or type(error).__name__}"))
        else:
            await self._complete(command, decision, said)

    async def _complete(self, command: Command, decision: Decision, said: str | None) -> None:
        changes = decision.verdict is Verdict.CHANGES_STATE
        if changes:
            self.state = decision.state
            await self._tell_state(f"command {command_name(command)}")
        told = said or (f"now {self.state.name}" if changes else "Done")
        await self._say(answer(command, AckCode.COMPLETE, told))

    async def _say(self, ack: CommandAck) -> None:
        self._memory.answered(ack)
        await self._patiently(ack)

    async def _tell_state(self, reason: str) -> None:
        await self._patiently(self._state_told(reason))

    def _state_told(self, reason: str) -> SummaryStateChanged:
        return SummaryStateChanged(component=self.component, summary_state=self.state, reason=reason)

    async def _patiently(self, message: Message) -> None:
        """Say something; while the log is away, wait and say it again."""
        while True:
            try:
                await self._line.say(message)
            except TransientError as error:
                log.warning("%s waits: %s", self.component, error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(TransientError):  # telemetry: lost without harm
                await self._line.say(Heartbeat(component=self.component, summary_state=self.state))
            await asyncio.sleep(_HEARTBEAT_S)

    async def _leave(self) -> None:
        for task in list(self._doing.values()):
            await _end(task)
        self.state = SummaryState.OFFLINE
        try:
            await self._line.say(self._state_told("the component has ended"))
        except CalibrantError as error:
            log.warning("%s ends without telling: %s", self.component, error)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; what it failed with is logged."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and task.exception() is not None:
        log.error("had ended: %s", task.exception())
