"""The ``calibrant`` command.

Owns the list of commands. Each command's module imports what it needs when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from calibrant.observatory.cli import (
    audit,
    calibrations,
    camera,
    dead_letters,
    doctor,
    events,
    instruments,
    listings,
    queue,
    reports,
    run_control,
    run_report,
    runs,
    sal,
    topics,
    trends,
    up,
    waiting,
)
from calibrant.observatory.cli.console import told
from calibrant.runtime.garbage import sparing

app = typer.Typer(
    name="calibrant",
    help="Certified detector calibrations: take frames, combine, verify, certify, publish.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(runs.demo)
app.command("replay")(runs.replay)
app.command("run")(runs.run)
app.command("up")(up.up)
app.add_typer(camera.app, name="camera")
app.add_typer(queue.app, name="queue")
app.command("doctor")(doctor.doctor)
app.add_typer(listings.frames, name="frames")
app.add_typer(listings.products, name="products")
app.add_typer(reports.app, name="reports")
app.add_typer(calibrations.app, name="calibrations")
app.command("trends")(trends.trends)
app.add_typer(waiting.app, name="waiting")
app.add_typer(listings.publications, name="publications")
run_control.add_to(listings.runs)
listings.runs.command("report")(run_report.report)
listings.runs.command("estimate")(run_report.estimate)
app.add_typer(listings.runs, name="runs")
app.add_typer(events.app, name="events")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(topics.app, name="topics")
app.add_typer(audit.app, name="audit")
app.add_typer(instruments.app, name="instruments")
app.add_typer(sal.app, name="sal")


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"calibrant {version('calibrant-observatory')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the services log.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Certified detector calibrations: take frames, combine, verify, certify, publish."""
    from calibrant.runtime.settings import LogSettings, chosen  # noqa: PLC0415
    from calibrant.runtime.telemetry.logs import LogSetup, configure_logs  # noqa: PLC0415

    with told():
        settings = chosen(LogSettings)
    level = settings.log_level if verbose or "log_level" in settings.model_fields_set else "CRITICAL"
    configure_logs(LogSetup(level, settings.log_format))


def main() -> None:
    """Run the command; a reader that closes the pipe (``| head``) is no error."""
    try:
        with sparing():
            app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    finally:
        gc.freeze()  # or all that was imported is taken apart, which takes a quarter of a second
