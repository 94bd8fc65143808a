"""A platform, a camera on it, and someone who commands it over the bus."""

import asyncio
import types
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from camera_effects import QUIET

import calibrant.camera
from calibrant.bus.cloudevents import Envelope
from calibrant.camera import handlers
from calibrant.camera.app import create_app
from calibrant.camera.exposing import Camera
from calibrant.camera.room import Room
from calibrant.camera.service import CameraService
from calibrant.camera.settings import CameraSettings
from calibrant.camera.simulator import parameters_of
from calibrant.camera.store import CameraQueries
from calibrant.camera.ticking import SimulatedClock
from calibrant.contracts.camera.v1 import (
    CalibrationDetailedState,
    CcsCommandState,
    CommandAck,
    ConfigurationApplied,
    ConfigurationsAvailable,
    EndOfImageTelemetry,
    EndReadout,
    ErrorCode,
    ExposureStored,
    FitsFilesWritten,
    ImageReadinessDetailedState,
    ImageStored,
    ImageVisualization,
    LogLevel,
    LogMessage,
    RaftsDetailedState,
    ShutterDetailedState,
    SimulationMode,
    SoftwareVersions,
    StartIntegration,
    StartReadout,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.frames.instrument import load_instrument
from calibrant.runtime.handlers import Context, collect, on
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.sal import COMMANDS, Composer, Tracker, is_final

PATIENCE_S = 60.0
IMAGE_FIELDS = {
    "num_images": 1,
    "exposure_time_s": 0.0,
    "shutter": False,
    "image_type": "BIAS",
    "group_id": "group-1",
    "filter": "",
    "observation_note": "",
}


def take_images(remote, *cause, timeout_s=600.0, **fields):
    return remote.command(TakeImages, *cause, timeout_s=timeout_s, **(IMAGE_FIELDS | fields))


def state_command(remote, name, *cause, timeout_s=600.0):
    fields = {"configuration_override": ""} if name == "start" else {}
    return remote.command(COMMANDS[name], name, *cause, timeout_s=timeout_s, **fields)


async def until(condition, what):
    """Wait for a condition; fail with what was waited for."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  what is waited for comes from another thread
            await asyncio.sleep(0.01)
    assert condition(), what


class Commander:
    """The sequencer's place on the bus: sends commands and remembers what the camera says."""

    def __init__(self, platform, folder: Path):
        self.said = []
        self.sent = 0
        self.remote = Composer("camera", "test", platform.clock)
        module = types.ModuleType("commander")
        for kind in (
            CommandAck,
            SummaryStateChanged,
            SoftwareVersions,
            SimulationMode,
            ConfigurationsAvailable,
            ErrorCode,
            StartIntegration,
            StartReadout,
            EndReadout,
            EndOfImageTelemetry,
            LogLevel,
            LogMessage,
            ImageStored,
            ImageVisualization,
            FitsFilesWritten,
            ExposureStored,
        ):
            setattr(module, kind.__name__, self._listener(kind))
        migrations = folder / "no-migrations"
        migrations.mkdir(exist_ok=True)
        spec = ServiceSpec("sequencer", self, collect(module), platform.database("sequencer"), migrations)
        self.process = ServiceProcess(spec, platform)

    def _listener(self, kind):
        @on(kind)
        def hear(message, context):
            self.said.append((message, context.run_id))

        return hear

    def heard(self, kind):
        return [message for message, _ in self.said if isinstance(message, kind)]

    def acks(self, command):
        return [a for a in self.heard(CommandAck) if a.command_id == command.header.command_id]

    def send(self, command, run_id="run-1"):
        self.sent += 1
        with self.process.unit_of_work(f"test-{self.sent}-{id(self)}", run_id) as unit:
            unit.emit([command])

    async def final(self, command):
        await until(lambda: any(is_final(a.ack) for a in self.acks(command)), f"end of {command}")
        tracker = self.remote.track(command)
        for ack in self.acks(command):
            tracker = tracker.acknowledged(ack, self.remote.clock.tai_ns())
        assert isinstance(tracker, Tracker)
        return tracker

    async def enable(self, cause="1"):
        for name in ("start", "enable"):
            command = state_command(self.remote, name, cause)
            self.send(command)
            await self.final(command)
        # Acknowledgements and events are two topics: one may come before the other.
        await until(lambda: self.state is SummaryState.ENABLED, "ENABLED")

    @property
    def state(self):
        told = self.heard(SummaryStateChanged)
        return told[-1].summary_state if told else None


@asynccontextmanager
async def running_camera(folder: Path, **settings):
    """Run a camera of simcam-tiny and a commander beside it on the embedded bus."""
    chosen = CameraSettings(
        data_dir=folder, worker_slots=1, **({"instrument": "simcam-tiny"} | settings), port=0
    )
    async with open_platform(chosen) as platform:
        app = create_app(chosen, platform)
        commander = Commander(platform, folder)
        await commander.process.start()
        await app.state.process.start()
        try:
            yield app, commander
        finally:
            await app.state.process.stop(5)
            await commander.process.stop(5)


@pytest.fixture
def hand_clock():
    class HandClock:
        now = 1_800_000_000 * 1_000_000_000

        def tai_ns(self):
            return self.now

        def monotonic_s(self):
            return self.now / 1e9

    return HandClock()


@pytest.fixture
def tools():
    """The helpers of this file."""
    return types.SimpleNamespace(
        running_camera=running_camera, state_command=state_command, take_images=take_images, until=until
    )


MIGRATIONS = Path(calibrant.camera.__file__).parent / "migrations"


DETAILED = (
    *(CcsCommandState, ImageReadinessDetailedState, RaftsDetailedState, ShutterDetailedState),
    *(CalibrationDetailedState, ConfigurationApplied),
)


class Desk:
    """A camera without a process: what a handler would get, and the helpers to hand it commands.

    The detailed states and the configuration that it tells are kept apart, in ``states``.
    """

    def __init__(self, database, clock, tools):
        instrument = load_instrument("simcam-tiny")
        self.clock, self.tools = clock, tools
        self.database = database
        self.service = CameraService(
            component="camera",
            boot_id="boot-1",
            instrument=instrument,
            parameters=parameters_of(instrument),
            camera=Camera(instrument.canonical(), 1),
            database=self.database,
            clock_start_tai_ns=CameraSettings().clock_start_tai_ns,
            clock=SimulatedClock(clock, 0.0),
            ack_margin_s=120.0,
            room=Room(Path(), 0, 0),
        )
        self.remote = Composer("camera", "test", clock)
        self.table = collect(handlers)
        self.states = []

    def handle(self, command):
        envelope = Envelope(
            id="event", source="/test", type=command.message_type, time_utc="2026-01-01T00:00:00Z", data=b"{}"
        )
        with self.database.writing() as session:
            context = Context(self.service, session, envelope, self.clock)
            return self._apart(list(self.table.events[command.message_type].handle(command, context)))

    def enable(self):
        for name in ("start", "enable"):
            self.handle(self.tools.state_command(self.remote, name, self.service.boot_id))

    def take(self, *cause, **fields):
        command = self.tools.take_images(self.remote, *(cause or ("1",)), **fields)
        return command, self.handle(command)

    def step(self, function):
        with self.database.writing() as session:
            return self._apart(function(session))

    def _apart(self, said):
        if isinstance(said, tuple):
            return tuple(map(self._apart, said))
        if not isinstance(said, list):
            return said
        self.states += [one for one in said if isinstance(one, DETAILED)]
        return [one for one in said if not isinstance(one, DETAILED)]

    def read(self, function):
        with self.database.reading() as session:
            return function(CameraQueries(session))

    @property
    def state(self):
        return self.read(lambda queries: queries.state("camera", self.service.boot_id))


@pytest.fixture
def desk(database_site, hand_clock, tools):
    with database_site.opened(MIGRATIONS) as database:
        yield Desk(database, hand_clock, tools)


@pytest.fixture(scope="module")
def instrument():
    return load_instrument("simcam-tiny")


@pytest.fixture(scope="module")
def quiet(instrument):
    detectors = tuple(
        detector.model_copy(
            update={
                "amplifiers": tuple(
                    one.model_copy(update={"read_noise_e": 0.0, "gain_e_per_adu": 1.0})
                    for one in detector.amplifiers
                )
            }
        )
        for detector in instrument.detectors
    )
    update = {"simulation": instrument.simulation | QUIET, "detectors": detectors}
    return instrument.model_copy(update=update)
