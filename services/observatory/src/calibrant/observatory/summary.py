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
    reason: str = ""
    notes: tuple[str, ...] = ()
    report: str = ""

    @property
    def good(self) -> bool:
        """Whether it is certified, or passed an external verification."""
        return self.verdict in ("certified", "certified with failures", "passed", "passed with failures")


def lines(view: RunView, reports: Sequence[Mapping[str, Any]], publications: Mapping[str, str]) -> list[Line]:
    """Return the outcome of a run.

    Parameters
    ----------
    view : RunView
        The run.
    reports : sequence of mapping
        The lines of its verification reports (``VerifyQueries.reports``).
    publications : mapping of str to str
        Status of publication, by product.
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
    publications: Mapping[str, str],
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
        accepted = report is not None and report["accepted"]
        words = {"certified": "passed", "certified with failures": "passed with failures"}
        verdict = words.get(str(report["verdict"]), "failed") if report is not None and accepted else "failed"
        reason = (
            str(report["reason"]) if report is not None else (decide.reason if decide else "not verified")
        )
        return line.model_copy(update={"verdict": verdict, "reason": "" if accepted else reason})
    if certify is None:
        return line.model_copy(update={"verdict": "not certified", "reason": decide.reason if decide else ""})
    if certify.state != "done":
        return line.model_copy(update={"verdict": certify.state, "reason": certify.reason})
    return line.model_copy(
        update={
            "verdict": str(report["verdict"]) if report is not None else "certified",
            "begin_tai_ns": certify.begin_tai_ns,
            "end_tai_ns": certify.end_tai_ns,
            "status": publications.get(head.product_id, ""),
        }
    )
