"""``calibrant demo``, ``replay`` and ``run``: all services in this process, one run, followed to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.observatory.cli.console import fail, told
from calibrant.observatory.cli.options import AsJson, Place, placed
from calibrant.observatory.cli.sequences import camera_of, remark, sequence_for
from calibrant.observatory.cli.signals import ended_by_sigterm

if TYPE_CHECKING:
    from calibrant.contracts.sequencer.v1 import RunRequested
    from calibrant.observatory.cli.show_run import Bars, RunOutcome
    from calibrant.observatory.following import Progress, Running
    from calibrant.observatory.settings import ObservatorySettings

FAILED = 1
WITH_FAILURES = 3
STOPPED = 4
INTERRUPTED = 130
TERMINATED = 143

Make = Annotated[
    str | None,
    typer.Option("--make", help="Kinds to make, such as bias,flat,ptc. Default: all that are usually made."),
]
Collection = Annotated[
    str | None, typer.Option(help="Collection to certify into. Default: INSTRUMENT/calib/daily.")
]
Begin = Annotated[str | None, typer.Option(help="Start of the validity range; UTC unless it ends in TAI.")]
End = Annotated[
    str | None, typer.Option(help="End of the validity range, exclusive; UTC unless it ends in TAI.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A recipe parameter: recipe.parameter=value. May be repeated."),
]
ReadingsFile = Annotated[
    Path | None,
    typer.Option(
        "--readings",
        help="What a photodiode or another monitor read, for linearity: a table (ECSV, CSV, FITS) of exposures and readings.",
    ),
]
Effects = Annotated[
    list[str] | None,
    typer.Option(
        "--effect",
        help="Switch on a detector effect of the simulated camera: NAME, or NAME=PARAMETER:VALUE,… "
        "(docs/simulator.md). May be repeated.",
    ),
]
Attach = Annotated[
    bool, typer.Option("--attach", help="Start no service: give the run to those that run, and follow it.")
]


@placed
def demo(
    place: Place,
    *,
    instrument: Annotated[str, typer.Option(help="Simulated camera to use.")] = "simcam",
    effect: Effects = None,
    as_json: AsJson = False,
) -> None:
    """Take a simulated night's biases, darks and flats the whole way to published calibrations.

    One detector leaks light into its darks, where the instrument's file has that flaw: its dark is withheld, and the
    reason is told.
    """
    from calibrant.observatory.demonstration import demo_exposures, demo_flaws  # noqa: PLC0415
    from calibrant.observatory.requests import instrument_of, run_request  # noqa: PLC0415
    from calibrant.observatory.sequence_wish import VALID_S  # noqa: PLC0415
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told():
        settings = chosen(ObservatorySettings, **place.given(), instrument=instrument, **_switched_on(effect))
        found = instrument_of(settings, instrument)
        settings = settings.model_copy(update={"flaws": (flaws := demo_flaws(found))})
        request = run_request(
            settings,
            instrument=instrument,
            exposures=demo_exposures(found),
            valid_for_s=VALID_S,
            requested_by="demo",
        )
        state = _go(place, _imitating(settings, request), request, attach=False, as_json=as_json)
    if state in ("failed", "stopped"):
        raise typer.Exit(_code_of(state))
    if flaws and not as_json:
        typer.echo("note       one detector of the demo leaks light on purpose: its dark is withheld")


@placed
def replay(
    folder: Annotated[Path, typer.Argument(help="Folder with frames; searched to its depth.")],
    place: Place,
    *,
    instrument: Annotated[str, typer.Option("--instrument", "-i", help="Camera: a name, or a YAML file.")],
    make: Make = None,
    statistic: Annotated[
        str | None, typer.Option(help="How frames are combined: clipped-mean, median, mean or minmax-mean.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the masters: electron or adu.")] = None,
    parameters: Set = None,
    readings: ReadingsFile = None,
    sequence: Annotated[
        Path | None,
        typer.Option(
            "--sequence", help="Sequence file (YAML): choose what it asks for from the folder's frames."
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Fail where the folder has not what the sequence file asks for."),
    ] = False,
    external: Annotated[
        bool, typer.Option("--external", help="Only verify the frames against the calibrations in force.")
    ] = False,
    collection: Collection = None,
    begin: Begin = None,
    end: End = None,
    attach: Attach = False,
    as_json: AsJson = False,
) -> None:
    """Take a folder of real frames the whole way to published calibrations."""
    from calibrant.observatory.readings import readings_parameters  # noqa: PLC0415
    from calibrant.observatory.requests import (  # noqa: PLC0415
        folder_of,
        instrument_of,
        recipe_parameters,
        run_request,
    )
    from calibrant.observatory.sequence_wish import as_wished  # noqa: PLC0415
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told():
        wanted = sequence_for(sequence, strict=strict)
        settings = chosen(ObservatorySettings, **place.given())
        kinds = ",".join(wanted.kinds) if wanted else None
        request = run_request(
            settings,
            instrument=instrument,
            folder=folder_of(folder),
            exposures=wanted.exposures if wanted else (),
            make=make or kinds,
            parameters={
                **readings_parameters(readings),
                **recipe_parameters(wanted.settings if wanted else ()),
                **recipe_parameters(parameters or (), statistic=statistic, unit=unit),
            },
            generate=not external and (wanted is None or wanted.generate_calibrations),
            collection=collection or (wanted.calib_collection if wanted else ""),
            begin=begin or (wanted.begin if wanted else None),
            end=end or (wanted.end if wanted else None),
            build=wanted.build if wanted and not (make or external) else (),
        )
        if wanted:
            standard = instrument_of(settings, instrument).standard_collection
            request = as_wished(request, wanted, standard).model_copy(update={"strict": strict or None})
        state = _go(place, settings.taking_in(Path(request.folder)), request, attach=attach, as_json=as_json)
    raise typer.Exit(_code_of(state))


@placed
def run(
    sequence: Annotated[Path, typer.Argument(help="Sequence file (YAML).")],
    place: Place,
    *,
    instrument: Annotated[
        str | None,
        typer.Option(
            "--instrument", "-i", help="Camera: a name, or a YAML file. Default: the sequence file's own."
        ),
    ] = None,
    make: Make = None,
    parameters: Set = None,
    readings: ReadingsFile = None,
    speed: Annotated[
        float, typer.Option(help="Speed of the simulated camera: 1 is real time, 0 as fast as it can.")
    ] = 0.0,
    flaw: Annotated[
        list[str] | None, typer.Option("--flaw", help="Switch on a flaw of the simulated camera, by name.")
    ] = None,
    effect: Effects = None,
    attach: Attach = False,
    as_json: AsJson = False,
) -> None:
    """Take a commanded sequence on the simulated camera the whole way."""
    from calibrant.observatory.readings import readings_parameters  # noqa: PLC0415
    from calibrant.observatory.requests import recipe_parameters  # noqa: PLC0415
    from calibrant.observatory.sequence import read_sequence  # noqa: PLC0415
    from calibrant.observatory.sequence_wish import commanded  # noqa: PLC0415
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told():
        wanted = read_sequence(sequence)
        camera = camera_of(wanted, sequence, instrument)
        settings = chosen(
            ObservatorySettings,
            **place.given(),
            instrument=camera,
            speed=speed,
            flaws=tuple(flaw or ()),
            **_switched_on(effect),
        )
        given = {**readings_parameters(readings), **recipe_parameters(parameters or ())}
        request = commanded(settings, wanted, camera, make=make, parameters=given)
        remark(sequence, wanted)
        state = _go(place, _imitating(settings, request), request, attach=attach, as_json=as_json)
    raise typer.Exit(_code_of(state))


def _switched_on(effects: list[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the setting of effects, or none, so that the environment's counts."""
    return {"effects": tuple(effects)} if effects else {}


def _imitating(settings: ObservatorySettings, request: RunRequested) -> ObservatorySettings:
    """Let the simulated camera imitate the request's instrument, which may have come as a file."""
    return settings.model_copy(update={"instrument": request.instrument})


def _code_of(state: str) -> int:
    """Return the exit code that tells how a run ended."""
    return {"done": 0, "done with failures": WITH_FAILURES, "stopped": STOPPED}.get(state, FAILED)


def _go(
    place: Place, settings: ObservatorySettings, request: RunRequested, *, attach: bool, as_json: bool
) -> str:
    """Have a run made and show what came of it; return its final state."""
    from calibrant.bus.errors import TransientError  # noqa: PLC0415
    from calibrant.observatory.cli import show_run  # noqa: PLC0415
    from calibrant.runtime.sole import HeldByAnother  # noqa: PLC0415

    try:
        outcome = asyncio.run(_follow(settings, request, attach=attach, quiet=as_json))
    except HeldByAnother as error:
        fail(f"{error}. Services that run already take runs too: `calibrant run` and `replay` with --attach")
    except TransientError as error:  # the log or a database is full or away, at whatever moment
        fail(f"{error}. Then give the same command again: it goes on from here")
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        words = "The run goes on" if attach else "Nothing is lost: the same command goes on from here"
        typer.echo(f"\nInterrupted. {words}.", err=True)
        raise typer.Exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else TERMINATED) from None
    show_run.show(outcome, place.words(), as_json=as_json)
    return outcome.view.run.state


async def _follow(
    settings: ObservatorySettings, request: RunRequested, *, attach: bool, quiet: bool
) -> RunOutcome:
    from calibrant.observatory.attaching import attached  # noqa: PLC0415
    from calibrant.observatory.cli import show_run  # noqa: PLC0415
    from calibrant.observatory.composition import observatory  # noqa: PLC0415
    from calibrant.runtime.garbage import settled  # noqa: PLC0415

    with show_run.Bars(quiet=quiet) as bars, ended_by_sigterm():
        async with (attached if attach else observatory)(settings) as running:
            with settled():
                last = await _to_the_end(running, request, bars)
            return await asyncio.to_thread(show_run.outcome, running, last, settings.data_dir)


async def _to_the_end(running: Running, request: RunRequested, bars: Bars) -> Progress:
    """Follow a run that is asked for; return its last progress."""
    from calibrant.observatory.following import RunStalled, ask, follow  # noqa: PLC0415

    asked = await asyncio.to_thread(ask, running, request)
    bars.begin(asked)
    try:
        async for progress in follow(running, asked.run_id):
            bars.update(progress)
    except RunStalled as error:
        bars.stop()
        fail(f"{error}. Then give the same command again: it goes on from here")
    return progress
