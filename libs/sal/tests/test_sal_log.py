"""Remote and Controller on the embedded log: a program commands a lamp, which is another program."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from calibrant.bus.embedded import open_bus
from calibrant.bus.errors import BusUnavailable
from calibrant.contracts.camera.v1 import (
    AckCode,
    ErrorCode,
    Heartbeat,
    Start,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.runtime.platform import topic_specs
from calibrant.sal import COMMANDS, CommandFailed, Controller, Remote
from calibrant.sal.testing.walk import Said, walk

PATIENCE_S = 60.0


@asynccontextmanager
async def log(folder):
    bus = await open_bus(folder / "bus.sqlite", synchronous="OFF")
    await bus.ensure_topics(topic_specs("camera"))
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def lamp(bus):
    """A lamp whose takeImages does what its note says."""
    controller = Controller(bus, "lamp")
    release = asyncio.Event()

    @controller.on(TakeImages, takes_s=PATIENCE_S)
    async def shine(command, doing):
        note = command.observation_note
        if note == "wait":
            await doing.progress("warming up", PATIENCE_S)
            await release.wait()
        elif note == "late":
            raise TimeoutError("the bulb stays cold")
        elif note == "broken":
            raise ValueError("no current")
        return "shone" if note else None

    async with controller:
        yield controller, release


@asynccontextmanager
async def lit(folder):
    async with log(folder) as bus, lamp(bus) as (controller, release), Remote(bus, "lamp", "olga") as remote:
        await remote.send(Start)
        await remote.send(COMMANDS["enable"])
        yield bus, controller, release, remote


def codes(heard):
    return [(ack.ack, ack.result) for ack in heard]


@pytest.mark.asyncio
async def test_every_outcome_of_a_handler_has_its_answer(tmp_path):
    async with lit(tmp_path) as (_, controller, _, remote):
        heard = []
        done = await remote.send(TakeImages, told=heard.append, observation_note="once")
        assert (done.ack, done.result) == (AckCode.COMPLETE, "shone")
        assert codes(heard) == [(AckCode.IN_PROGRESS, "begun"), (AckCode.COMPLETE, "shone")]
        assert {ack.identity for ack in heard} == {"olga"}
        assert len({(ack.origin, ack.sequence_number) for ack in heard}) == 1
        assert (await remote.send(TakeImages)).result == "Done"
        for note, code, text in (
            ("late", AckCode.TIMEOUT, "Timed out: the bulb stays cold"),
            ("broken", AckCode.FAILED, "Failed: no current"),
        ):
            with pytest.raises(CommandFailed) as failed:
                await remote.send(TakeImages, observation_note=note)
            assert (failed.value.tracker.ack, failed.value.tracker.result) == (code, text)
        assert controller.state is SummaryState.ENABLED


@pytest.mark.asyncio
async def test_a_second_one_while_busy_fails_and_the_first_goes_on(tmp_path):
    async with lit(tmp_path) as (_, _, release, remote):
        warm, heard = asyncio.Event(), []

        def told(ack):
            heard.append(ack)
            if ack.result == "warming up":
                warm.set()

        first = asyncio.create_task(remote.send(TakeImages, told=told, observation_note="wait"))
        await asyncio.wait_for(warm.wait(), PATIENCE_S)
        with pytest.raises(CommandFailed, match="busy: another takeImages is being carried out"):
            await remote.send(TakeImages)
        release.set()
        assert (await first).result == "shone"


@pytest.mark.asyncio
async def test_a_client_that_vanishes_loses_nothing_and_asks_again_under_its_cause(tmp_path):
    async with lit(tmp_path) as (bus, _, release, _):
        warm = asyncio.Event()
        async with Remote(bus, "lamp", "ana") as gone:
            sent = asyncio.create_task(
                gone.send(
                    TakeImages,
                    "night 1",
                    told=lambda ack: ack.result == "warming up" and warm.set(),
                    observation_note="wait",
                )
            )
            await asyncio.wait_for(warm.wait(), PATIENCE_S)
            sent.cancel()
        heard, again = [], asyncio.Event()
        async with Remote(bus, "lamp", "ana") as back:

            def told(ack):
                heard.append(ack)
                again.set()

            asked = asyncio.create_task(back.send(TakeImages, "night 1", told=told, observation_note="wait"))
            await asyncio.wait_for(again.wait(), PATIENCE_S)
            release.set()
            assert (await asked).result == "shone"
            with pytest.raises(
                CommandFailed, match=r"exists and asks for something else: repeat it as it was"
            ):
                await back.send(TakeImages, "night 1", observation_note="shine twice")
        assert codes(heard) == [(AckCode.IN_PROGRESS, "warming up"), (AckCode.COMPLETE, "shone")]


@pytest.mark.asyncio
async def test_what_a_component_was_doing_when_it_ended_is_aborted_and_not_begun_again(tmp_path):
    async with log(tmp_path) as bus, Remote(bus, "lamp", "olga") as remote:
        warm = asyncio.Event()
        async with lamp(bus):
            await remote.send(Start)
            await remote.send(COMMANDS["enable"])
            sent = asyncio.create_task(
                remote.send(
                    TakeImages,
                    "1",
                    told=lambda ack: ack.result == "warming up" and warm.set(),
                    observation_note="wait",
                )
            )
            await asyncio.wait_for(warm.wait(), PATIENCE_S)
        with pytest.raises(CommandFailed, match="ABORTED"):
            await sent
        await remote.until(
            SummaryStateChanged, lambda e: e.summary_state is SummaryState.OFFLINE, timeout_s=PATIENCE_S
        )
        async with lamp(bus) as (controller, _):
            with pytest.raises(CommandFailed, match="ABORTED"):
                await remote.send(TakeImages, "1", observation_note="wait")
            assert controller.state is SummaryState.STANDBY


@pytest.mark.asyncio
async def test_without_a_component_there_is_no_ack_and_a_wrong_field_is_named(tmp_path):
    async with log(tmp_path) as bus, Remote(bus, "lamp", "olga") as remote:
        with pytest.raises(CommandFailed, match=r"NO_ACK \(-301\): no final answer to start in time"):
            await remote.send(Start, begin_within_s=0.01, patience_s=0.01)
        with pytest.raises(TypeError, match="no field 'num_image'; did you mean num_images"):
            await remote.send(TakeImages, num_image=2)


@pytest.mark.asyncio
async def test_events_come_typed_and_the_last_of_each_is_known_to_who_comes_later(tmp_path):
    async with lit(tmp_path) as (bus, controller, _, remote):
        await controller.fault(7, "the bulb is broken")
        told = await remote.until(
            SummaryStateChanged, lambda e: e.summary_state is SummaryState.FAULT, timeout_s=PATIENCE_S
        )
        assert told.reason == "the bulb is broken"
        assert (await remote.until(Heartbeat, timeout_s=PATIENCE_S)).component == "lamp"
        async with Remote(bus, "lamp", "late") as late, Remote(bus, "camera", "late") as other:
            error = late.last(ErrorCode)
            assert error is not None
            assert (error.error_code, error.error_report) == (7, "the bulb is broken")
            assert other.last(ErrorCode) is None


class Away:
    """The log, which is away for some calls of the client or the component."""

    def __init__(self, bus, reads=0, sends=0):
        self.bus, self.reads, self.sends = bus, reads, sends

    async def read(self, topic, **options):
        self.reads -= 1
        if self.reads >= 0:
            raise BusUnavailable("the log is away")
        return await self.bus.read(topic, **options)

    async def end_offsets(self, names):
        return await self.bus.end_offsets(names)

    @asynccontextmanager
    async def producer(self):
        async with self.bus.producer() as producer:
            yield Sender(self, producer)


class Sender:
    def __init__(self, away, producer):
        self.away, self.producer = away, producer

    async def send(self, messages):
        self.away.sends -= 1
        if self.away.sends >= 0:
            raise BusUnavailable("the log is away")
        return await self.producer.send(messages)


@pytest.mark.asyncio
async def test_while_the_log_is_away_both_sides_wait_and_a_client_that_cannot_send_is_told(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("calibrant.sal.line._RETRY_S", 0.01)
    monkeypatch.setattr("calibrant.sal.controller._RETRY_S", 0.01)
    async with log(tmp_path) as bus:
        there, here = Away(bus), Away(bus)
        async with lamp(there) as (controller, _), Remote(here, "lamp", "olga") as remote:
            there.reads = there.sends = here.reads = 3
            assert (await remote.send(Start)).result == "now DISABLED"
            assert controller.state is SummaryState.DISABLED
            assert max(there.reads, here.reads, there.sends) < 0
            here.sends = 1
            with pytest.raises(BusUnavailable):
                await remote.send(COMMANDS["enable"])


class OnLog:
    """A lamp that is commanded over the log."""

    def __init__(self, remote, controller):
        self.remote, self.controller = remote, controller

    async def send(self, name):
        try:
            end = await self.remote.send(COMMANDS[name])
        except CommandFailed as error:
            end = error.tracker
        return Said(end.ack, end.result)

    async def state(self):
        return self.controller.state

    async def fault(self):
        await self.controller.fault(1, "for the walk")


@pytest.mark.asyncio
async def test_every_command_in_every_state_over_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr("calibrant.sal.line.POLL_S", 0.001)
    async with log(tmp_path) as bus, lamp(bus) as (controller, _), Remote(bus, "lamp", "olga") as remote:
        assert await walk(OnLog(remote, controller)) == 5 * len(COMMANDS)


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (Said(AckCode.COMPLETE, ""), SummaryState.STANDBY, "start in STANDBY: it must lead to DISABLED"),
        (Said(AckCode.COMPLETE, ""), SummaryState.DISABLED, "enable in STANDBY: it must stay in STANDBY"),
        (Said(AckCode.FAILED, "no"), SummaryState.STANDBY, "start in STANDBY: it must lead to DISABLED"),
    ],
)
@pytest.mark.asyncio
async def test_a_walk_names_what_a_component_gets_wrong(answer, state, text):
    class Wrong:
        async def send(self, name):
            return answer

        async def state(self):
            return state

    with pytest.raises(AssertionError, match=text):
        await walk(Wrong())
