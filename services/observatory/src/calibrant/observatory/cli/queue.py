"""``calibrant queue``: what waits for a camera, changed and told of; daily schedules that fill it.

Owns how a wish is written on a command line. It is carried out in the sequencer's store by the sequencer's own use
cases; a sequencer that runs begins the runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, console, show_json, show_rows, told
from calibrant.observatory.cli.options import AsJson, Limit, Place, placed
from calibrant.observatory.cli.sequences import camera_of, remark

if TYPE_CHECKING:
    from calibrant.contracts.sequencer.v1 import RunRequested
    from calibrant.sequencer.queue.desk import Desk
    from calibrant.sequencer.service import SequencerService
    from calibrant.sequencer.store.queue_queries import QueueQueries

app = typer.Typer(help="A camera's queue of runs, and the schedules that fill it.", no_args_is_help=True)
Camera = Annotated[str, typer.Option("--camera", help="The camera, by its name as a component.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run, as `calibrant queue list` shows it.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")]
SequenceFile = Annotated[Path, typer.Argument(help="Sequence file (YAML), as for `calibrant run`.")]
Instrument = Annotated[
    str | None,
    typer.Option(
        "--instrument", "-i", help="Camera: a name, or a YAML file. Default: the sequence file's own."
    ),
]
WAITING = (
    Column("place"),
    Column("run_id"),
    Column("instrument"),
    Column("what"),
    Column("added_by", form="text"),
    Column("added", "added (UTC)", form="time"),
)
HISTORY = (
    Column("run_id"),
    Column("what"),
    Column("added_by", form="text"),
    Column("added", "added (UTC)", form="time"),
    Column("state"),
    Column("left", "since (UTC)", form="time"),
    Column("run_state", "run", form="text"),
    Column("because", form="first"),
)
SCHEDULES = (
    Column("name"),
    Column("at"),
    Column("zone"),
    Column("what"),
    Column("set_by", form="text"),
    Column("next", "next (UTC)", form="time"),
)


@app.command("list")
@placed
def listing(place: Place, *, camera: Camera = "camera", as_json: AsJson = False) -> None:
    """Show what waits, the next one first, and what it waits for."""
    view = _ask(place, camera, lambda queries: queries.queue(camera))
    if as_json:
        show_json(view.model_dump())
        return
    rows = [line.model_dump() for line in view.waiting]
    show_rows(f"Queue of {camera}", WAITING, rows, as_json=False, empty="Nothing waits.")
    for name, value in (
        ("goes on", view.running),
        ("waits", view.waits_for if rows or view.paused_by else ""),
    ):
        if value:
            console().print(f"{name:<10} {value}", markup=False, soft_wrap=True)


@app.command("history")
@placed
def history(place: Place, *, camera: Camera = "camera", limit: Limit = 100, as_json: AsJson = False) -> None:
    """List all that was ever put into the queue, the latest first: by whom, when, and what became of it."""
    found = _ask(place, camera, lambda queries: queries.history(camera, limit + 1))
    rows = [line.model_dump() | {"because": line.reason or line.message} for line in found]
    show_rows("History", HISTORY, rows, as_json=as_json, empty="Nothing was ever queued.", most=limit)


@app.command("add")
@placed
def add(
    sequence: SequenceFile,
    place: Place,
    *,
    instrument: Instrument = None,
    name: Annotated[str | None, typer.Option(help="Name of the run. Default: one that is made up.")] = None,
    at: Annotated[
        int | None, typer.Option("--place", min=1, help="Its place. Default: the last one.")
    ] = None,
    camera: Camera = "camera",
) -> None:
    """Put a sequence into the queue."""
    with told():
        request = _request(place, sequence, instrument, name)
        _change(place, camera, lambda desk: desk.add(request, at))


@app.command("move")
@placed
def move(
    run: Run,
    to: Annotated[int, typer.Argument(metavar="PLACE", min=1, help="Its new place; 1 is the next one.")],
    place: Place,
    *,
    camera: Camera = "camera",
) -> None:
    """Bring a run that waits to another place."""
    with told():
        _change(place, camera, lambda desk: desk.move(run, to))


@app.command("remove")
@placed
def remove(run: Run, place: Place, *, camera: Camera = "camera") -> None:
    """Take a run out that waits; the history keeps it."""
    with told():
        _change(place, camera, lambda desk: desk.remove(run))


@app.command("pause")
@placed
def pause(place: Place, *, camera: Camera = "camera") -> None:
    """Begin no more runs; the one that goes on goes on."""
    with told():
        _change(place, camera, lambda desk: desk.pause())


@app.command("resume")
@placed
def resume(place: Place, *, camera: Camera = "camera") -> None:
    """Begin runs again."""
    with told():
        _change(place, camera, lambda desk: desk.resume())


@app.command("stop")
@placed
def stop(
    place: Place,
    *,
    now: Annotated[bool, typer.Option("--now", help="Not only after the exposure that has begun.")] = False,
    camera: Camera = "camera",
) -> None:
    """Begin no more runs, and end the one that goes on, after the exposure that has begun."""
    with told():
        _change(place, camera, lambda desk: desk.stop(now=now))


@app.command("schedules")
@placed
def schedules(place: Place, *, camera: Camera = "camera", as_json: AsJson = False) -> None:
    """List the schedules that fill the queue, with their next time."""
    rows = [line.model_dump() for line in _ask(place, camera, lambda queries: queries.schedules(camera))]
    show_rows("Schedules", SCHEDULES, rows, as_json=as_json, empty="There is no schedule.")


@app.command("schedule")
@placed
def schedule(
    name: Name,
    sequence: SequenceFile,
    place: Place,
    *,
    at: Annotated[str, typer.Option(help="Time of the day: HH:MM or HH:MM:SS.")],
    zone: Annotated[str, typer.Option(help="UTC, or a time zone such as America/Santiago.")] = "UTC",
    grace: Annotated[
        float, typer.Option(help="How many seconds late its run may come when no sequencer ran in time.")
    ] = 3600.0,
    instrument: Instrument = None,
    camera: Camera = "camera",
) -> None:
    """Put a sequence into the queue every day, or set a schedule of this name anew."""
    from calibrant.sequencer.queue.schedules import Plan, set_schedule  # noqa: PLC0415

    with told():
        request = _request(place, sequence, instrument, name)
        _change(place, camera, lambda desk: set_schedule(desk, Plan(name, at, zone, grace), request))


@app.command("unschedule")
@placed
def unschedule(name: Name, place: Place, *, camera: Camera = "camera") -> None:
    """Take a schedule away; what it has put into the queue stays there."""
    from calibrant.sequencer.queue.schedules import drop_schedule  # noqa: PLC0415

    with told():
        _change(place, camera, lambda desk: drop_schedule(desk, name))


def _request(place: Place, file: Path, instrument: str | None, name: str | None) -> RunRequested:
    """Return the run that a sequence file asks for."""
    from calibrant.observatory.sequence import read_sequence  # noqa: PLC0415
    from calibrant.observatory.sequence_wish import commanded  # noqa: PLC0415
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    wanted = read_sequence(file)
    settings = chosen(ObservatorySettings, **place.given())
    request = commanded(settings, wanted, camera_of(wanted, file, instrument))
    remark(file, wanted)
    return request.model_copy(update={"run_id": name or request.run_id})


def _change(place: Place, camera: str, wish: Callable[[Desk], str]) -> None:
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415
    from calibrant.sequencer.queue.changing import change  # noqa: PLC0415

    said = _with(place, lambda sequencer: change(sequencer, camera, of_this_machine(), wish))
    console().print(said, markup=False, soft_wrap=True)


def _ask(place: Place, camera: str, question: Callable[[QueueQueries], Any]) -> Any:
    from calibrant.sequencer.queue.desk import check_component  # noqa: PLC0415
    from calibrant.sequencer.store.queue_queries import QueueQueries  # noqa: PLC0415

    def asked(sequencer: SequencerService) -> Any:
        with sequencer.database.reading() as session:
            check_component(session, sequencer, camera)
            return question(QueueQueries(session))

    with told():
        return _with(place, asked)


def _with(place: Place, use: Callable[[SequencerService], Any]) -> Any:
    """Use the sequencer's use cases on its store, whether it runs or not."""
    from calibrant.observatory.attaching import attached  # noqa: PLC0415
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    async def used() -> Any:
        async with attached(chosen(ObservatorySettings, **place.given())) as there:
            return await asyncio.to_thread(use, there.sequencer)

    return asyncio.run(used())
