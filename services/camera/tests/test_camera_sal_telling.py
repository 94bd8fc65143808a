"""What the camera says on the log is told on SAL although SAL was away just then, and in order."""

from __future__ import annotations

import asyncio

import pytest

from calibrant.bus.errors import BusUnavailable
from calibrant.camera.wire.adapter import SalAdapter
from calibrant.camera.wire.settings import SalSettings
from calibrant.sal import Composer
from calibrant.sal.testing import INTERFACES
from calibrant.sal.wire import read_component
from calibrant.sal.wire.link import SalPlace


class Wire:
    """Takes what is sent, or has no broker."""

    def __init__(self, *, away=False):
        self.sent = []
        self.away = away

    async def send(self, topic, fields, *, number=None):
        if self.away:
            raise BusUnavailable("no broker")
        self.sent.append((topic, fields, number))

    def of(self, topic):
        return [(fields, number) for name, fields, number in self.sent if name == topic]


@pytest.mark.asyncio
async def test_what_could_not_be_told_is_told_when_sal_is_back(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (app, commander):
        process = app.state.process
        place = SalPlace("nowhere:1", "http://nowhere", SalSettings().sal_subname)
        adapter = SalAdapter(
            process.spec.service, process.platform, read_component(INTERFACES, "BenchCamera"), place
        )
        commander.remote = Composer("camera", "me@here", process.platform.clock, origin=7)
        start = tools.state_command(commander.remote, "start")
        start = start.model_copy(update={"header": start.header.model_copy(update={"sequence_number": 12})})
        await tools.until(lambda: commander.state is not None, "its first state")
        commander.send(start)
        await commander.final(start)
        with pytest.raises(BusUnavailable):
            await adapter._tell(process, Wire(away=True))
        wire = Wire()
        telling = asyncio.create_task(adapter._tell(process, wire))
        await tools.until(lambda: wire.of("ackcmd") and len(wire.of("logevent_summaryState")) == 2, "told")
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
    assert [fields["summaryState"] for fields, _ in wire.of("logevent_summaryState")] == [5, 1]
    ((ack, number),) = wire.of("ackcmd")
    assert (ack["ack"], ack["identity"], ack["origin"], number) == (303, "me@here", 7, 12)
