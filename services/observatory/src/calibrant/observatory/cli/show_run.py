"""A run on the screen: bars while it works, a table and the places of things at its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from calibrant.combine.store import CombineQueries
from calibrant.contracts.sequencer.v1 import RunReport
from calibrant.observatory import following
from calibrant.observatory.cli.console import console, show_json, show_table, shown
from calibrant.observatory.cli.options import typed
from calibrant.observatory.summary import Line, Noticed, lines, noticed
from calibrant.rules.times import second_text
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.states import ENDED, RunState
from calibrant.sequencer.store.queries import RejectedFile, RunView
from calibrant.verify.store import VerifyQueries

STEPS = {
    "exposures": "exposures",
    "files": "ingestion",
    "build": "combination",
    "measure": "verification",
    "certify": "certification",
    "publish": "publication",
}
IMAGE = "image/fits"
"""Media type of products that are images."""
FINAL = ("done", "withheld", "failed", "skipped")


class Bars:
    """Progress bars of a run; a step appears when there is something to do in it.

    Parameters
    ----------
    quiet : bool
        Show nothing, for output that programs read.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("  {task.description:<14}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console(),
            disable=quiet,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the bars as they are."""
        if self._progress.live.is_started:  # or a blank line would come before an error
            self._progress.stop()

    def begin(self, asked: following.Asked) -> None:
        """Say which run is followed."""
        words = "goes on where it was interrupted" if asked.resumed else "begins"
        if not self._quiet:
            self._progress.console.print(f"Run [bold]{asked.run_id}[/] {words}")

    def update(self, progress: following.Progress) -> None:
        """Show how far the run is."""
        view = progress.view
        exposures, files = view.exposures, view.files
        waits = "" if view.run.state in ENDED else view.run.message
        note = "; ".join(filter(None, (_failed(exposures.failed), waits)))
        self._set("exposures", exposures.done + exposures.failed, exposures.total, note)
        self._set("files", files.done + files.failed, files.total, _failed(files.failed, "rejected"))
        for step in ("build", "measure", "certify"):
            states = view.nodes.get(step, {})
            ended = sum(states.get(state, 0) for state in FINAL)
            counted = {"withheld": "withheld", "asked": "waiting for a person: `calibrant waiting`"}
            note = "; ".join(
                f"{states[state]} {words}" for state, words in counted.items() if states.get(state)
            )
            self._set(step, ended, sum(states.values()), note)
        failed = sum(row["status"] == "failed" for row in progress.publications.values())
        self._set("publish", progress.published + failed, progress.to_publish, _failed(failed))

    def _set(self, step: str, done: int, total: int | None, note: str) -> None:
        if not total and not done:
            return
        if step not in self._tasks:
            self._progress.start()
            self._tasks[step] = self._progress.add_task(STEPS[step], total=total, note="")
        self._progress.update(self._tasks[step], completed=done, total=total, note=note)


def _failed(count: int, word: str = "failed") -> str:
    return f"{count} {word}" if count else ""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run came to, and where it lies."""

    view: RunView
    lines: Sequence[Line]
    noticed: Sequence[Noticed]
    rejected: Sequence[RejectedFile]
    picture: Path | None
    published_to: str
    report: RunReport


def outcome(running: following.Running, progress: following.Progress, data_dir: Path) -> RunOutcome:
    """Gather what a finished run came to, and draw its masters that are images."""
    view = progress.view
    wanted = {row.report_id for row in view.rows if row.report_id}
    with running.database("verify").reading() as session:
        reports = [row for row in VerifyQueries(session).reports() if row["id"] in wanted]
    found = lines(view, reports, progress.publications)
    with running.database("combine").reading() as session:
        queries = CombineQueries(session)
        files = {line.product: queries.file(line.product) for line in found if line.product}
    masters = [
        (line, running.objects.local_path(ref))
        for line in found
        if (ref := files.get(line.product)) is not None and ref.media_type == IMAGE
    ]
    built = any(row.type == "build" for row in view.rows)
    picture = _drawn(view, masters, data_dir) if masters and built else None
    return RunOutcome(
        view,
        found,
        noticed(reports),
        view.rejected,
        picture,
        running.objects.locate("objects:archive"),
        Controls(running.sequencer).report(view.run.run_id),
    )


def _drawn(view: RunView, masters: Sequence[tuple[Line, Path]], data_dir: Path) -> Path:
    from calibrant.observatory.picture import Master, save_picture  # noqa: PLC0415  it imports matplotlib

    drawn = [Master(line.kind, line.detector or 0, file, line.verdict) for line, file in masters]
    picture = data_dir / "pictures" / f"{view.run.run_id}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    save_picture(drawn, picture, f"{view.run.instrument}, {view.run.run_id}")
    return picture


def show(result: RunOutcome, options: str, *, as_json: bool) -> None:
    """Show what a run came to; ``options`` are those that a further command needs."""
    if as_json:
        show_json(
            {
                "run": result.view.run.model_dump(),
                "calibrations": [line.model_dump() for line in result.lines],
                "noticed": [one.model_dump() for one in result.noticed],
                "rejected": [file.model_dump() for file in result.rejected],
                "picture": str(result.picture) if result.picture else None,
                "report": result.report.model_dump(mode="json", exclude_none=True),
            }
        )
        return
    out = console()
    out.print()
    sets = [line for line in result.lines if line.set]
    if sets:
        show_table(_table(sets))
    remarks = list(_remarks(result))
    if remarks:
        out.print()
        grid = Table.grid(padding=(0, 2, 0, 0))
        for head, what, text in remarks:
            grid.add_row(
                Text(head, "bold red" if head in ("rejected", "failed") else "bold"),
                Text(shown(what)),
                Text(shown(text)),
            )
        show_table(grid)
    _places(result, options)


def _remarks(result: RunOutcome) -> Iterator[tuple[str, str, str]]:
    told: dict[tuple[str, str, str], list[int]] = {}
    for line in result.lines:
        for head, text in _said(line):
            detectors = told.setdefault((head, f"{line.kind} {line.set}".rstrip(), text), [])
            detectors += [] if line.detector is None else [line.detector]
    for (head, what, text), detectors in told.items():
        many = "s" if len(detectors) > 1 else ""
        where = f" detector{many} {', '.join(map(str, detectors))}" if detectors else ""
        yield head, what + where, text
    for one in result.noticed:
        yield "noticed", f"{one.kind} {one.set}", one.finding
    for file in result.rejected:
        yield "rejected", file.file_name, f"{file.reason}: {file.message}"
    for acquisition in result.view.acquisitions:
        if acquisition["reason"]:
            there = acquisition["folder"] and acquisition["state"] == "closed"
            yield (
                "missing" if there else "failed",
                acquisition["image_type"] or acquisition["folder"],
                acquisition["reason"],
            )


def _said(line: Line) -> Iterator[tuple[str, str]]:
    """Give what there is to say of a calibration: of several detectors alike, it is said once."""
    if line.reason and not line.good:
        yield line.verdict, line.reason
    if line.status == "failed":
        yield "failed", f"not published: {line.unpublished}"
    for note in line.notes:
        yield "note", note


def _table(found: Sequence[Line]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    columns = ("kind", "set", "det", "frames", "verdict", "until (UTC)", "product")
    for column in columns:
        right = column in ("det", "frames")
        whole = column in ("set", "until (UTC)", "product")
        table.add_column(column, justify="right" if right else "left", no_wrap=whole)
    for line in found:
        style = "green" if line.verdict in ("certified", "passed") else "yellow" if line.good else "red"
        certified = line.good and line.begin_tai_ns is not None
        table.add_row(
            line.kind,
            line.set or "-",
            "-" if line.detector is None else str(line.detector),
            str(line.frames),
            Text(line.verdict, style),
            _utc(line.end_tai_ns) if certified else "-",
            line.product or "-",
        )
    return table


def _utc(tai_ns: int | None) -> str:
    return "open" if tai_ns is None else second_text(tai_ns)


def _most_telling(found: Sequence[Line]) -> Line | None:
    """Return the line whose report one would look at first: what was withheld, then what failed some test."""
    reported = [line for line in found if line.report]
    return min(reported, key=lambda one: (one.good, one.verdict in ("certified", "passed")), default=None)


def _places(result: RunOutcome, options: str) -> None:
    out = console()
    run = result.view.run
    out.print()
    style = {RunState.FAILED: "red", RunState.DONE: "green"}.get(RunState(run.state), "yellow")
    counts = run.message.partition(". ")[0]
    words = f"{run.state}: {counts}" if counts else run.state
    out.print(Text.assemble((words, f"bold {style}")))
    published = sum(line.status == "current" for line in result.lines)
    if published:
        out.print(f"published  {published} in {result.published_to}", markup=False, soft_wrap=True)
    if result.picture is not None:
        out.print(f"picture    {result.picture}", markup=False, soft_wrap=True)
    worst = _most_telling(result.lines)
    if worst is not None:
        page = f"{typed()} reports open {worst.report}{options}  # {worst.kind} {worst.set}: {worst.verdict}"
        out.print(f"page       {page}", markup=False, soft_wrap=True)
        out.print(f"more       {typed()} reports list{options}", markup=False, soft_wrap=True)
    sys.stdout.flush()
