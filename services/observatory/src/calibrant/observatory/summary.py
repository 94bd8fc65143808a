"""What a run came to: one line for each calibration it was to make or to verify.

Owns the reading of a plan's nodes as an outcome for people. Shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from calibrant.sequencer.store.queries import NodeLine, RunView


class Line(BaseModel):
    """One calibration, or one external verification."""

    kind: str
    set: str
    detector: int | None
    frames: int
    product: str
    verdict: str
    begin_tai_ns: int | None = None
    end_tai_ns: int | None = None
    status: str = ""
    unpublished: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    report: str = ""

    @property
    def good(self) -> bool:
        """Whether it is certified, or passed an external verification."""
        return self.verdict in ("certified", "certified with failures", "passed", "passed with failures")


class Noticed(BaseModel):
    """What verification noticed in a set beside its verdicts, in a sentence."""

    kind: str
    set: str
    report: str
    finding: str


def noticed(reports: Sequence[Mapping[str, Any]]) -> list[Noticed]:
    """Return the findings of a run's reports (``VerifyQueries.reports``), each once, whatever the detectors."""
    by_report = {str(row["id"]): row for row in reports}
    return [
        Noticed(kind=row["kind"], set=row["set"], report=report, finding=finding)
        for report, row in sorted(by_report.items(), key=lambda one: (one[1]["kind"], one[1]["set"]))
        for finding in row["findings"]
    ]


def lines(
    view: RunView, reports: Sequence[Mapping[str, Any]], publications: Mapping[str, Mapping[str, Any]]
) -> list[Line]:
    """Return the outcome of a run.

    Parameters
    ----------
    view : RunView
        The run.
    reports : sequence of mapping
        The lines of its verification reports (``VerifyQueries.reports``).
    publications : mapping of str to mapping
        The archive's line on each certified product.
    """
    heads = [row for row in view.rows if row.type == "build"]
    internal = bool(heads)
    if not internal:
        heads = [row for row in view.rows if row.type == "measure"]
    heads = heads or [row for row in view.rows if row.type in ("decide", "certify")]
    return [_line(view, head, reports, publications, internal=internal) for head in heads]


def _line(
    view: RunView,
    head: NodeLine,
    reports: Sequence[Mapping[str, Any]],
    publications: Mapping[str, Mapping[str, Any]],
    *,
    internal: bool,
) -> Line:
    beside = [row for row in view.rows if (row.kind, row.set) == (head.kind, head.set)]
    decide = next((row for row in beside if row.type == "decide"), None)
    certify = next((row for row in beside if row.type == "certify" and row.detector == head.detector), None)
    report_id = decide.report_id if decide else ""
    report = next((r for r in reports if r["id"] == report_id and r["detector"] == head.detector), None)
    line = Line(
        kind=head.kind,
        set=head.set,
        detector=head.detector,
        frames=head.frames,
        product=head.product_id,
        verdict="skipped" if head.state == "skipped" else head.state,
        reason=head.reason,
        notes=head.notes,
        report=report_id,
    )
    if head.state in ("skipped", "failed"):
        return line
    if not internal:
        return _external(line, report, decide)
    if certify is None:
        return line.model_copy(update={"verdict": "not certified", "reason": decide.reason if decide else ""})
    if certify.state != "done":
        return line.model_copy(update={"verdict": certify.state, "reason": certify.reason})
    published = publications.get(head.product_id, {})
    return line.model_copy(
        update={
            "verdict": str(report["verdict"]) if report is not None else "certified",
            "begin_tai_ns": certify.begin_tai_ns,
            "end_tai_ns": certify.end_tai_ns,
            "status": published.get("status", ""),
            "unpublished": published.get("reason", ""),
            "notes": (*line.notes, *certify.notes),
        }
    )


def _external(line: Line, report: Mapping[str, Any] | None, decide: NodeLine | None) -> Line:
    if report is None:
        reason = decide.reason if decide is not None else "not verified"
        return line.model_copy(update={"verdict": "failed", "reason": reason})
    if not report["accepted"]:
        return line.model_copy(update={"verdict": "failed", "reason": str(report["reason"])})
    words = {"certified": "passed", "certified with failures": "passed with failures"}
    return line.model_copy(update={"verdict": words[str(report["verdict"])], "reason": ""})
