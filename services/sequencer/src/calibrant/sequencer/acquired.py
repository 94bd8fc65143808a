"""What it means that acquisitions have ended, for kinds and for people; must not know how they do."""

from sqlmodel import Session, col, select

from calibrant.contracts.sequencer.v1 import RunFinished, RunRequested
from calibrant.rules.rulesets import SetRule
from calibrant.sequencer.plan.model import Draft
from calibrant.sequencer.plan.outcome import finished, unmade
from calibrant.sequencer.plan.ruling import only_frames
from calibrant.sequencer.states import RunState
from calibrant.sequencer.store.tables import AcquisitionRow, FileRow, RunRow


def frames_there(rule: SetRule, rows: list[AcquisitionRow]) -> bool:
    """Tell whether every acquisition that may bring frames of a rule's types has ended."""
    may = [row for row in rows if row.folder or row.image_type.lower() in rule.image_types]
    return all(row.state != "open" for row in may)


def result(
    request: RunRequested, draft: Draft, rows: list[AcquisitionRow], remarks: list[str]
) -> RunFinished:
    """Return how a run ended of which nothing is left to do.

    Parameters
    ----------
    request : RunRequested
        What was asked for.
    draft : Draft
        Its nodes, all of them ended.
    rows : list of AcquisitionRow
        Its acquisitions, all of them ended.
    remarks : list of str
        What they have to say.
    """
    none_came = any(row.state == "failed" for row in rows)
    missing = any(row.missing for row in rows)
    lacking = missing or any(row.reason and not row.folder for row in rows)
    short = none_came or (lacking and any(node.short for node in draft))
    done = finished(request.run_id, draft, remarks, lacking=short)
    if only_frames(request) and any(row.state == "closed" for row in rows):
        state = RunState.DONE_WITH_FAILURES if none_came or missing else RunState.DONE
        return done.model_copy(update={"state": state})
    if any(row.missing and row.state == "failed" for row in rows) or (missing and unmade(draft)):
        return done.model_copy(update={"state": RunState.FAILED})
    return done


def remarks(session: Session, run: RunRow, rows: list[AcquisitionRow]) -> list[str]:
    """Return what the acquisitions of a run have to say, and which files were refused."""
    told = [f"{row.folder or row.image_type}: {row.reason}" for row in rows if row.reason]
    rejected = (FileRow.run_id == run.run_id, FileRow.state == "rejected")
    files = session.exec(select(FileRow).where(*rejected).order_by(col(FileRow.file_name))).all()
    return [*told, *(f"{file.file_name or file.job_id} rejected: {file.message}" for file in files)]


def closing(row: AcquisitionRow) -> str:
    """Say how an acquisition ended."""
    what = f"folder {row.folder}" if row.folder else f"{row.image_type} exposures"
    return f"{what} {'ended without frames' if row.state == 'failed' else 'complete'}" + (
        f" ({row.reason})" if row.reason else ""
    )
