"""Checks of commands, exposures and runs: each executed once, each accounted for, each ended. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from calibrant.sequencer.states import ENDED
from chaos.checked import Checked, checked, twice, unpacked
from chaos.left import Left, Row

COMPLETE = "ACK_CODE_COMPLETE"
_GOES_ON = {"ACK_CODE_IN_PROGRESS", "ACK_CODE_STALLED"}


def commands(left: Left) -> Checked:
    """Each command was executed once: its images, no more, none under a number of another; one final answer."""
    rows = left.table("camera", "camera_command")
    exposures = left.table("camera", "camera_exposure")
    wrong = twice((row["command_id"] for row in rows), "command")
    wrong += twice((row["exposure_id"] for row in exposures), "exposure number")
    wrong += twice(((row["command_id"], row["image_index"]) for row in exposures), "image of a command")
    answers = _answers(left)
    taken = Counter(row["command_id"] for row in exposures if row["state"] == "stored")
    for row in rows:
        wrong += _of_command(row, answers[row["command_id"]], taken[row["command_id"]])
    sent = {data["header"]["command_id"] for data in left.once("camera-commands", "TakeImages").values()}
    wrong += [f"command {one} was given and never answered" for one in sent if not answers[one]]
    return checked("each command executed once", len(rows), wrong)


def exposures(left: Left) -> Checked:
    """Each exposure is a frame, or was rejected or cut off with a reason."""
    rows, answers = left.table("camera", "camera_exposure"), _answers(left)
    known = {row["sha256"] for row in left.table("ingest", "ingest_frame")}
    refused = {row["file_name"]: row["reason"] for row in left.table("ingest", "ingest_rejection")}
    wrong = []
    for row in rows:
        name, reasons = row["image_name"], [a["result"] for a in answers[row["command_id"]]]
        if row["state"] == "stored":
            files = [file["ref"] for file in unpacked(row["files"])]
            wrong += [
                f"exposure {name}: {ref['uri']} is neither a frame nor rejected"
                for ref in files
                if ref["sha256"] not in known and not refused.get(ref["uri"].rpartition("/")[2])
            ]
        elif row["state"] != "aborted" or not any(reasons):
            wrong.append(f"exposure {name} is {row['state']}, and nobody says why")
    return checked("each exposure accounted for", len(rows), wrong)


def steps(left: Left) -> Checked:
    """Each exposure asked for was taken and stored, or failed with a reason; each of their files has an end."""
    rows = left.table("sequencer", "sequencer_step")
    stored = {
        row["image_name"] for row in left.table("camera", "camera_exposure") if row["state"] == "stored"
    }
    named = defaultdict(set)
    for command in left.table("sequencer", "sequencer_command"):
        if command["state"] == "complete":
            named[command["step_id"]] |= {name for name in command["image_names"].split(",") if name}
    wrong = [
        f"exposure {row['position']} of {row['run_id']} is {row['state']}: {row['reason'] or 'no reason'}"
        for row in rows
        if not (
            (row["state"] == "done" and named[row["step_id"]] & stored)
            or (row["state"] == "failed" and row["reason"])
        )
    ]
    files = left.table("sequencer", "sequencer_file")
    ends = ("ingested", "rejected", "late")
    wrong += [
        f"file {row['file_name']} of {row['run_id']} is {row['state']}, and nobody says why"
        for row in files
        if row["state"] not in ends or (row["state"] != "ingested" and not (row["reason"] or row["message"]))
    ]
    return checked("each exposure asked for has an end", len(rows) + len(files), wrong)


def runs(left: Left) -> Checked:
    """Each run has ended, and was told to have ended once."""
    rows = left.table("sequencer", "sequencer_run")
    told = Counter(data["run_id"] for data in left.once("run-progress", "RunFinished").values())
    wrong = [
        f"run {row['run_id']} is {row['state']}, told to have ended {told[row['run_id']]} times"
        for row in rows
        if row["state"] not in ENDED or told[row["run_id"]] != 1
    ]
    return checked("each run ended", len(rows), wrong)


def _answers(left: Left) -> Mapping[str, list[Any]]:
    """Return the final answers of each command."""
    found = defaultdict(list)
    for row in left.table("camera", "camera_ack"):
        answer = unpacked(row["body"])
        if answer["ack"] not in _GOES_ON:
            found[row["command_id"]].append(answer)
    return found


def _of_command(row: Row, answers: list[Any], taken: int) -> Iterator[str]:
    wanted = unpacked(row["body"]).get("num_images", 0)
    if len(answers) != 1:
        yield f"command {row['command_id']} has {len(answers)} final answers"
    complete = any(answer["ack"] == COMPLETE for answer in answers)
    if taken > wanted or (complete and taken != wanted):
        yield f"command {row['command_id']} asks for {wanted} image(s) and has {taken}"
