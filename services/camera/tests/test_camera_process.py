"""The whole camera on the embedded bus: commands in, acknowledgements, events and files out."""

import asyncio
import json
from importlib.metadata import version

import httpx
import numpy as np
import pytest
from astropy.io import fits

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.errors import PermanentError
from calibrant.camera import transactions
from calibrant.contracts.camera.v1 import (
    AckCode,
    ConfigurationsAvailable,
    EndOfImageTelemetry,
    EndReadout,
    ErrorCode,
    ExposureStored,
    FitsFilesWritten,
    Heartbeat,
    ImageStored,
    SimulationMode,
    SoftwareVersions,
    StartIntegration,
    StartReadout,
    SummaryState,
    SummaryStateChanged,
)
from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import read_frames
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.testing.services import answer_lost
from calibrant.runtime.unit_of_work import was_done


def raw_files(folder):
    root = folder / "objects" / "raw"
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.asyncio
async def test_commanded_images_are_taken_told_and_stored(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (_, commander):
        await commander.enable()
        command = tools.take_images(
            commander.remote, "1", num_images=2, image_type="DARK", exposure_time_s=30.0
        )
        commander.send(command, "run-7")
        end = await commander.final(command)
        assert (end.ack, end.result) == (AckCode.COMPLETE, "2 image(s) taken")
        assert end.image_names == ("SC_O_20260101_000001", "SC_O_20260101_000002")
        await tools.until(lambda: len(commander.heard(ExposureStored)) == 2, "two exposures")
    assert [ack.ack.number for ack in commander.acks(command)] == [301, 301, 303]
    assert {run for message, run in commander.said if isinstance(message, ExposureStored)} == {"run-7"}
    about = (StartIntegration, StartReadout, EndReadout, EndOfImageTelemetry, ImageStored, FitsFilesWritten)
    told = [type(m) for m, _ in commander.said if isinstance(m, (*about, ExposureStored))]
    assert told == [*about, ExposureStored] * 2
    assert [m.image_name for m in commander.heard(ImageStored)] == list(end.image_names)
    check_files(tmp_path, commander.heard(ExposureStored)[1])


def check_files(folder, told):
    instrument = load_instrument("simcam-tiny")
    assert [(file.detector, file.detector_name) for file in told.files] == [(0, "S00"), (1, "S01")]
    for file in told.files:
        key = file.ref.uri.removeprefix("objects:")
        assert key == f"raw/20260101/SC_O_20260101_000002_{file.detector}.fits"
        (frame,) = read_frames(folder / "objects" / key, instrument)
        assert frame.facts.exposure_id == str(told.image.exposure_id) == "2026010100002"
        assert frame.facts.begin_tai_ns == told.begin.ns
        truth = json.loads((folder / "objects" / key.replace(".fits", ".truth.json")).read_text())
        assert truth["exposure"]["exposure_id"] == told.image.exposure_id
        with fits.open(folder / "objects" / truth["static"]) as maps:
            assert [hdu.name for hdu in maps[1:]] == ["BIAS_STRUCTURE", "DARK", "RESPONSE"]
            assert np.median(maps["DARK"].data) == pytest.approx(0.05)


@pytest.mark.asyncio
async def test_the_same_seed_makes_the_same_bytes_in_another_folder(tmp_path, tools):
    kept = []
    for name in ("one", "other"):
        async with tools.running_camera(tmp_path / name, seed=5) as (_, commander):
            await commander.enable()
            for image_type, exposure_s in (("BIAS", 0.0), ("DARK", 100.0), ("FLAT", 2.0)):
                command = tools.take_images(
                    commander.remote,
                    f"{name}-{image_type}",
                    image_type=image_type,
                    exposure_time_s=exposure_s,
                    shutter=image_type == "FLAT",
                    group_id=f"group-{name}",
                )
                commander.send(command)
                assert (await commander.final(command)).ack is AckCode.COMPLETE
        kept.append(raw_files(tmp_path / name))
    assert len(kept[0]) == 3 * 2 * 2 + 2  # a file and its truth for each detector; the detectors' own truth
    assert kept[0] == kept[1]


@pytest.mark.asyncio
async def test_a_command_delivered_twice_is_carried_out_once(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (_, commander):
        await commander.enable()
        command = tools.take_images(commander.remote, "1")
        commander.send(command)
        commander.send(command)
        await commander.final(command)
        commander.send(command)  # and once more when it is done: the final answer is given again
        complete = lambda: [a for a in commander.acks(command) if a.ack is AckCode.COMPLETE]  # noqa: E731
        await tools.until(lambda: len(complete()) == 2, "the final answer again")
        assert complete()[0] == complete()[1]
        assert len(commander.heard(ExposureStored)) == 1


@pytest.mark.asyncio
async def test_a_camera_that_cannot_write_its_files_is_in_fault(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (_, commander):
        strange = tmp_path / "objects" / "raw" / "20260101" / "SC_O_20260101_000001_1.fits"
        strange.parent.mkdir(parents=True)
        strange.write_bytes(b"someone else's")
        await commander.enable()
        command = tools.take_images(commander.remote, "1")
        commander.send(command)
        end = await commander.final(command)
        assert end.ack is AckCode.FAILED
        assert "SC_O_20260101_000001_1.fits exists with other bytes" in end.result
        await tools.until(lambda: commander.heard(ErrorCode), "the error code")
        assert "exists with other bytes" in commander.heard(ErrorCode)[0].traceback.splitlines()[-1]
        await tools.until(lambda: commander.state is SummaryState.FAULT, "FAULT")
        assert not [name for name in raw_files(tmp_path) if not name.startswith("truth/")]
        standby = tools.state_command(commander.remote, "standby")
        commander.send(standby)
        await commander.final(standby)
        await commander.enable("again")
        again = tools.take_images(commander.remote, "2")
        commander.send(again)
        assert (await commander.final(again)).image_names == ("SC_O_20260101_000002",)


@pytest.mark.asyncio
async def test_a_killed_child_process_costs_nothing_but_time(tmp_path, tools):
    async with tools.running_camera(tmp_path, speed=1.0) as (app, commander):
        await commander.enable()
        command = tools.take_images(commander.remote, "1", image_type="DARK", exposure_time_s=1.0)
        commander.send(command)
        await tools.until(lambda: commander.heard(StartIntegration), "the exposure")
        for pool in app.state.process.platform.workers._all:
            for child in list((pool._processes or {}).values()):
                child.kill()
        assert (await commander.final(command)).ack is AckCode.COMPLETE


@pytest.mark.asyncio
async def test_a_full_disk_costs_nothing_but_time(tmp_path, tools, monkeypatch):
    monkeypatch.setattr(transactions, "RETRY_S", 0.01)
    async with tools.running_camera(tmp_path) as (app, commander):
        process, full = app.state.process, [True]
        run = process.platform.workers.run

        async def run_when_there_is_space(*call):
            if full:
                raise StoreUnavailable("the disk is full: free some space")
            return await run(*call)

        monkeypatch.setattr(process.platform.workers, "run", run_when_there_is_space)
        await commander.enable()
        command = tools.take_images(commander.remote, "1")
        commander.send(command)
        await tools.until(lambda: "objects" in process.health.troubles, "the trouble")
        await tools.until(lambda: commander.heard(EndOfImageTelemetry), "the end of the readout")
        assert not process.health.ready
        assert not commander.heard(ImageStored)
        full.clear()
        assert (await commander.final(command)).ack is AckCode.COMPLETE
        assert process.health.ready


@pytest.mark.asyncio
async def test_the_camera_tells_its_state_at_start_and_beats(tmp_path, tools, monkeypatch):
    beats = []
    original = ServiceProcess.send_telemetry

    async def listen(process, message):
        beats.append(message)
        await original(process, message)

    monkeypatch.setattr(ServiceProcess, "send_telemetry", listen)
    async with tools.running_camera(tmp_path) as (app, commander):
        await tools.until(lambda: commander.heard(SummaryStateChanged), "the state")
        assert commander.heard(SummaryStateChanged)[0].summary_state is SummaryState.STANDBY
        await tools.until(lambda: commander.heard(ConfigurationsAvailable), "what it tells of itself")
        (versions,), (mode,) = commander.heard(SoftwareVersions), commander.heard(SimulationMode)
        assert (versions.csc_version, mode.mode) == (version("calibrant-camera"), 1)
        assert f"numpy={np.__version__}" in versions.subsystem_versions
        await tools.until(lambda: len(beats) >= 2, "two beats")
        assert beats[0] == Heartbeat(component="camera", summary_state=SummaryState.STANDBY)
        assert app.state.process.faults() == []


@pytest.mark.asyncio
async def test_an_order_repeated_after_a_503_under_its_identifier_is_one_command(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (app, commander):
        await commander.enable()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://camera") as client:
            order = {"command_id": "mine", "image_type": "BIAS"}
            with answer_lost("http:"):
                assert (await client.post("/commands/takeImages", json=order)).status_code == 503
            again = await client.post("/commands/takeImages", json=order)
            assert (again.status_code, again.json()["command_id"]) == (202, "mine")
            assert [ack["code"] for ack in (await done(client, "mine"))["acks"]] == [301, 303]
            assert len((await client.get("/exposures")).json()) == 1


@pytest.mark.asyncio
async def test_a_command_replayed_over_the_bus_and_over_http_is_carried_out_once(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (app, commander):
        await commander.enable()
        command = tools.take_images(commander.remote, "1")
        name = command.header.command_id
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://camera") as client:
            for year in ("1970", "9999"):  # an event's time decides nothing
                await send_raw(app, command, f"event-{year}", f"{year}-01-01T00:00:00Z")
            await tools.until(lambda: was_answered(app, "event-9999"), "both of them")
            assert [ack["code"] for ack in (await done(client, name))["acks"]] == [301, 303]
            order = {"command_id": name, "image_type": "BIAS", "group_id": "group-1"}
            assert (await client.post("/commands/takeImages", json=order)).json()["ack"] == "COMPLETE"
            await send_raw(app, command, "event-last", "2026-01-01T00:00:00Z")
            await tools.until(lambda: was_answered(app, "event-last"), "the last of them")
            assert len((await client.get("/exposures")).json()) == 1


async def send_raw(app, command, event_id, time_utc):
    said = {"id": event_id, "source": "/elsewhere", "type": command.message_type, "time_utc": time_utc}
    message = to_message(Envelope(**said, data=command.to_json()), "camera-commands", "camera")
    async with app.state.process.platform.bus.producer() as producer:
        await producer.send([message])


def was_answered(app, event_id):
    with app.state.process.database.reading() as session:
        return was_done(session, event_id)


async def done(client, command_id):
    for _ in range(3000):
        found = (await client.get(f"/commands/{command_id}")).json()
        if found["state"] == "done":
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"instrument": "hubble"}, "^instrument hubble: no such instrument; known are "),
        ({"flaws": ("rust",)}, "^no flaw 'rust' in simulation.flaws"),
        ({"effects": ("rust",)}, "^no effect 'rust'; there are: "),
    ],
)
async def test_a_wrong_setting_is_named_before_anything_starts(tmp_path, tools, settings, text):
    with pytest.raises(PermanentError, match=text):
        async with tools.running_camera(tmp_path, **settings):
            pass
