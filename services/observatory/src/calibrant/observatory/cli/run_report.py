"""``calibrant runs report|estimate RUN``: what came of a run, and how long it takes, for people and programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.observatory.cli.console import console, show_json, show_one, shown, told
from calibrant.observatory.cli.options import AsJson, Place, placed
from calibrant.observatory.cli.run_control import known

if TYPE_CHECKING:
    from calibrant.contracts.sequencer.v1 import RunReport, SetReport
    from calibrant.observatory.settings import ObservatorySettings
    from calibrant.sequencer.estimating import Estimate

Run = Annotated[str, typer.Argument(metavar="RUN", help="Identifier, as `calibrant runs list` shows it.")]


@placed
def report(run: Run, place: Place, *, as_json: AsJson = False) -> None:
    """Show what came of a run: taken, made, verified, certified, withheld and why; before its end, so far."""
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told(), known(run):
        found = asyncio.run(_report(chosen(ObservatorySettings, **place.given()), run))
    if as_json:
        show_json(found.model_dump(mode="json", exclude_none=True))
        return
    console().print(f"{found.run_id} ({found.instrument}) is {found.state}", markup=False)
    for head, what, text in lines(found):
        line = "  ".join(filter(None, (f"{head:<9}", what, text)))
        console().print(shown(line), markup=False, soft_wrap=True)


async def _report(settings: ObservatorySettings, run: str) -> RunReport:
    from calibrant.observatory.attaching import attached  # noqa: PLC0415
    from calibrant.sequencer.controls import Controls  # noqa: PLC0415

    async with attached(settings) as running:
        return await asyncio.to_thread(Controls(running.sequencer).report, run)


@placed
def estimate(run: Run, place: Place, *, as_json: AsJson = False) -> None:
    """Say how long a run takes, and still will: exposures as they were asked for, the rest as in past runs."""
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told(), known(run):
        found = asyncio.run(_estimate(chosen(ObservatorySettings, **place.given()), run))
    show_one(found.model_dump() if as_json else _in_seconds(found), as_json=as_json)


def _in_seconds(found: Estimate) -> dict[str, str]:
    durations = {
        "exposures": found.exposures_s,
        "after the last frame": found.after_s,
        "remaining": found.remaining_s,
    }
    return {name: "not known" if one is None else f"{one:.0f} s" for name, one in durations.items()}


async def _estimate(settings: ObservatorySettings, run: str) -> Estimate:
    from calibrant.observatory.attaching import attached  # noqa: PLC0415
    from calibrant.sequencer.controls import Controls  # noqa: PLC0415

    async with attached(settings) as running:
        return await asyncio.to_thread(Controls(running.sequencer).estimate, run)


def told_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a run as a person reads it: times as dates, and nothing that is empty."""
    from calibrant.rules.times import second_text  # noqa: PLC0415

    known = {name: value for name, value in run.items() if value not in ("", None)}
    return {
        name.replace("_tai_ns", " (UTC)"): second_text(value) if name.endswith("_tai_ns") else value
        for name, value in known.items()
    }


def lines(found: RunReport) -> Iterator[tuple[str, str, str]]:
    """Give a report line by line: what it is about, of what, and what is said.

    Parameters
    ----------
    found : RunReport
        The report.
    """
    for taken in found.taken:
        yield "taken", taken.what, f"{taken.taken} of {taken.asked}, {taken.frames} frames"
        for reason in taken.missing:
            yield "missing", taken.what, reason
    for one in found.sets:
        yield from _of_set(one)
    for reason in found.left_out:
        yield "left out", "", reason
    if found.message:
        yield "message", "", found.message


def _of_set(one: SetReport) -> Iterator[tuple[str, str, str]]:
    title = f"{one.kind} {one.set_key}"
    for head, detectors in (("made", one.made), ("verified", one.verified), ("certified", one.certified)):
        if detectors:
            yield head, title, _named(detectors) + _failing(head, detectors, one.with_failures)
    for withheld in one.withheld:
        for head, detectors in _apart(one, withheld.detectors):
            yield head, title, f"{_named(detectors)}: {withheld.reason}"
    for finding in one.noticed:
        yield "noticed", title, finding


def _apart(one: SetReport, detectors: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Tell what was withheld from what was not made at all, and from what only had to be verified."""
    made = tuple(detector for detector in detectors if detector in one.made)
    if made:
        yield "withheld", made
    rest = tuple(detector for detector in detectors if detector not in one.made)
    if rest:
        yield "failed" if one.report_id and not one.made else "not made", rest


def _failing(head: str, detectors: tuple[int, ...], with_failures: tuple[int, ...]) -> str:
    """Return which of some detectors had tests that failed, where there are any; of what was only made, nothing."""
    found = tuple(one for one in detectors if one in with_failures and head != "made")
    if not found:
        return ""
    return "; with failures" if found == detectors else f"; with failures: {_named(found)}"


def _named(detectors: tuple[int, ...]) -> str:
    return f"detector{'s' if len(detectors) > 1 else ''} {', '.join(map(str, detectors))}"
