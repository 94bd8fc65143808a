"""A Remote commands the camera over a real Kafka, each with a client of its own: ladder, events, old numbers, a client that vanishes."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from calibrant.camera.app import create_app
from calibrant.camera.settings import CameraSettings
from calibrant.contracts.camera.v1 import AckCode, Enable, ExposureStored, Start, StartIntegration, TakeImages
from calibrant.runtime.adapters import open_log
from calibrant.runtime.clock import SystemClock
from calibrant.runtime.ids import RandomIds
from calibrant.runtime.platform import open_platform
from calibrant.runtime.settings import PlatformSettings
from calibrant.sal import CommandFailed, Composer, Remote, SequenceNumbers
from calibrant.sal.line import ACKS, Line

COMPONENT = "camera-of-kafka"
PATIENCE_S = 60.0
BIASES = {"num_images": 2, "image_type": "BIAS"}


@asynccontextmanager
async def camera(folder, address):
    """The camera with its own client of the broker, in a folder of its own."""
    settings = CameraSettings(
        data_dir=folder, bus=address, component=COMPONENT, instrument="simcam-tiny", worker_slots=1, port=0
    )
    async with open_platform(settings) as platform:
        process = create_app(settings, platform).state.process
        await process.start()
        try:
            yield
        finally:
            await process.stop(5)


@asynccontextmanager
async def remote(folder, address, identity):
    """Someone who commands it, with a client of his own."""
    bus = await open_log(PlatformSettings(data_dir=folder, bus=address))
    try:
        async with Remote(bus, COMPONENT, identity) as commands:
            yield commands
    finally:
        await bus.close()


async def answered(folder, address, causes):
    """Send an enable for each cause, all under one number of one sender; return how each is answered."""
    clock, bus = SystemClock(), await open_log(PlatformSettings(data_dir=folder, bus=address))
    answers = {}
    try:
        async with Line(bus, COMPONENT, "olga", clock, RandomIds()) as line:
            after = await line.ends((ACKS,))
            for cause in causes:
                numbers = SequenceNumbers(("enable",), draw=lambda _: 41)
                olga = Composer(COMPONENT, "olga", clock, origin=7, numbers=numbers)
                command = olga.command(Enable, cause, timeout_s=PATIENCE_S)
                await line.say(command)
                async for ack in line.follow((ACKS,), after):
                    if ack.command_id == command.header.command_id:
                        answers[cause] = ack
                        break
    finally:
        await bus.close()
    return answers


@pytest.mark.kafka
@pytest.mark.asyncio
async def test_a_remote_commands_the_camera_over_kafka(broker, tmp_path):
    address = f"kafka://{broker.servers}"
    async with asyncio.timeout(100), camera(tmp_path / "camera", address):
        async with remote(tmp_path, address, "ana") as ana:
            with pytest.raises(CommandFailed, match="takeImages not allowed in state STANDBY"):
                await ana.send(TakeImages, **BIASES)
            await ana.send(Start)
            await ana.send(Enable)
            heard = []
            done = await ana.send(TakeImages, told=heard.append, **BIASES)
            assert [ack.ack for ack in heard[:: len(heard) - 1]] == [AckCode.IN_PROGRESS, AckCode.COMPLETE]
            assert {ack.identity for ack in heard} == {"ana"}
            assert all(ack.timeout_s > 0 for ack in heard[:-1])
            last = done.image_names[-1]
            stored = await ana.until(
                ExposureStored, lambda one: one.image.image_name == last, timeout_s=PATIENCE_S
            )
            assert [file.detector for file in stored.files] == [0, 1]
        first, again = (await answered(tmp_path, address, ("first", "second"))).values()
        assert "enable not allowed in state ENABLED" in first.result
        assert (again.ack, again.sequence_number, again.origin) == (AckCode.FAILED, first.sequence_number, 7)
        assert f"of olga was command {first.command_id}" in again.result
        taken = await taken_for_one_who_vanishes(tmp_path, address)
    assert [name[-6:] for name in (*done.image_names, *taken)] == ["000001", "000002", "000003", "000004"]


async def taken_for_one_who_vanishes(folder, address):
    """Vanish once images are being taken; let who comes back under the same cause hear the end. Return the images."""
    begun = asyncio.Event()
    async with remote(folder, address, "ben") as ben:
        sent = asyncio.create_task(ben.send(TakeImages, "night 1", told=lambda _: begun.set(), **BIASES))
        await begun.wait()
        sent.cancel()
        with suppress(asyncio.CancelledError):
            await sent
    async with remote(folder, address, "ben") as back:
        done = await back.send(TakeImages, "night 1", **BIASES)
        event = await back.until(
            StartIntegration, lambda one: one.image.image_index == 2, timeout_s=PATIENCE_S
        )
    assert event.image.image_name == done.image_names[-1]
    return done.image_names
