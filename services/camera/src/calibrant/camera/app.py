"""The only place where the camera is put together."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from calibrant.bus.errors import PermanentError
from calibrant.camera import handlers
from calibrant.camera.api import routes
from calibrant.camera.executor import Executor
from calibrant.camera.exposing import Camera
from calibrant.camera.room import Room
from calibrant.camera.service import CameraService
from calibrant.camera.settings import CameraSettings
from calibrant.camera.simulator import parameters_of
from calibrant.camera.ticking import SimulatedClock
from calibrant.frames.instrument import Instrument, InstrumentError, load_instrument
from calibrant.runtime.access.door import door_of
from calibrant.runtime.handlers import collect
from calibrant.runtime.http import http_app
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec

Background = Callable[[ServiceProcess], Coroutine[Any, Any, None]]


class UnknownInstrument(PermanentError):
    """The instrument to imitate is unknown, or its file is wrong."""


def create_app(settings: CameraSettings, platform: Platform) -> FastAPI:
    """Build the camera; it starts when it is served.

    Raises
    ------
    UnknownInstrument
        The instrument is unknown, or its file is wrong.
    CannotSimulate
        The instrument's simulation section is wrong, a flaw is not in it, or an effect is unknown.
    WrongSetting, InterfaceError
        It is to speak SAL, and something for that is not set, or the interface files are wrong.
    """
    instrument = _instrument(settings)
    parameters = parameters_of(instrument)
    parameters.chosen(settings.flaws)
    effects = parameters.chosen_effects(settings.effects)
    database = platform.database("camera")
    service = CameraService(
        component=settings.component,
        boot_id=platform.ids.new(),
        instrument=instrument,
        parameters=parameters,
        camera=Camera(instrument.canonical(), settings.seed, settings.flaws, settings.effects),
        database=database,
        clock_start_tai_ns=settings.clock_start_tai_ns,
        clock=_clock(settings, platform),
        ack_margin_s=settings.ack_margin_s,
        room=Room(platform.data_dir, settings.stall_free_bytes, settings.stall_outbox_rows),
        address=settings.address.rstrip("/"),
        memory_s=max((effect.memory_s for effect in effects), default=0.0),
    )
    executor = Executor(service, platform)
    spec = ServiceSpec(
        name="camera",
        service=service,
        handlers=collect(handlers),
        database=database,
        migrations=Path(__file__).parent / "migrations",
        router=routes(service),
        background=(
            executor.execute_commands,
            executor.heartbeat,
            service.log.tell,
            *_on_sal(settings, service, platform),
        ),
        sole=f"camera {settings.component}",
    )
    process = ServiceProcess(spec, platform)
    service.health = process.health
    return http_app(process, door_of(settings), settings.max_body_bytes)


def _clock(settings: CameraSettings, platform: Platform) -> SimulatedClock:
    """Return the camera's clock: where it speaks SAL, whose clients compare times with their own, the system's."""
    if settings.sal_interfaces is not None:
        return SimulatedClock(platform.clock, 1.0, follows=True)
    return SimulatedClock(platform.clock, settings.speed)


def _on_sal(settings: CameraSettings, service: CameraService, platform: Platform) -> Iterator[Background]:
    """Give what lets the camera speak SAL, where it is to."""
    if settings.sal_interfaces is None:
        return
    from calibrant.camera.wire.composition import sal_adapter  # noqa: PLC0415  who speaks no SAL needs no Avro

    yield sal_adapter(settings, settings.sal_interfaces, service, platform).speak_sal


def _instrument(settings: CameraSettings) -> Instrument:
    try:
        return load_instrument(settings.instrument, settings.instruments_dir)
    except InstrumentError as error:
        raise UnknownInstrument(f"instrument {error}") from None
