"""``calibrant runs pause|resume|stop|retry RUN``: what is done to a run, here or where services run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.observatory.cli.console import console, fail, told
from calibrant.observatory.cli.options import Place, placed

if TYPE_CHECKING:
    from calibrant.observatory.settings import ObservatorySettings
    from calibrant.sequencer.control import Action

Run = Annotated[str, typer.Argument(metavar="RUN", help="Identifier, as `calibrant runs list` shows it.")]


@placed
def pause(run: Run, place: Place) -> None:
    """Begin no exposure and send no job of a run; what has begun ends, and is kept."""
    from calibrant.sequencer.control import Action  # noqa: PLC0415

    _act(run, place, Action.PAUSE)


@placed
def resume(run: Run, place: Place) -> None:
    """Let a paused run go on."""
    from calibrant.sequencer.control import Action  # noqa: PLC0415

    _act(run, place, Action.RESUME)


@placed
def stop(
    run: Run,
    place: Place,
    *,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for the exposure that has begun.")] = False,
) -> None:
    """End a run after the exposure that has begun, or now; what was made and certified stays."""
    from calibrant.sequencer.control import Action  # noqa: PLC0415

    _act(run, place, Action.STOP_NOW if now else Action.STOP)


@placed
def retry(run: Run, place: Place) -> None:
    """Do again what failed of a run, and what depended on it; what was made stays."""
    from calibrant.sequencer.control import Action  # noqa: PLC0415

    _act(run, place, Action.RETRY)


def add_to(app: typer.Typer) -> None:
    """Add the commands to those about runs."""
    for command in (pause, resume, stop, retry):
        app.command(command.__name__)(command)


@contextmanager
def known(run: str) -> Iterator[None]:
    """Turn the error that there is no such run into one line that says where runs are found, and exit code 1."""
    from calibrant.sequencer.service import NoSuchRun  # noqa: PLC0415

    try:
        yield
    except NoSuchRun:
        fail(f"there is no run {run}; `calibrant runs list` lists those there are")


def _act(run: str, place: Place, action: Action) -> None:
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told(), known(run):
        said = asyncio.run(_control(chosen(ObservatorySettings, **place.given()), run, action))
    console().print(said, markup=False, soft_wrap=True)


async def _control(settings: ObservatorySettings, run: str, action: Action) -> str:
    from calibrant.observatory.attaching import attached  # noqa: PLC0415
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415
    from calibrant.sequencer.controls import Controls  # noqa: PLC0415

    async with attached(settings) as running:
        controls = Controls(running.sequencer)
        standing = await asyncio.to_thread(controls.control, run, action, of_this_machine())
    return f"{run} is {', '.join(filter(None, (standing.state, standing.held)))}"
