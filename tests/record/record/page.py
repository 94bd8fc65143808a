"""What came of a sequence as a part of a page in Markdown. Reads nothing."""

from __future__ import annotations

import os
import platform
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from record.carried import Carried, Order

_MIB = 2**20
_SHOWN = 10


def part_of(order: Order, carried: Carried) -> str:
    """Return the part of the page on one sequence."""
    run = carried.said["run"]
    servers = "Apache Kafka, PostgreSQL and an S3 service (moto, in memory)"
    lines = [
        f"`{_command(order)}`, on {datetime.now(UTC):%Y-%m-%d}: {servers}, {len(carried.peak_bytes)} services of one process each. {hardware()}.",
        "",
        f"`calibrant run … --attach` ended with exit code {carried.code}: **{run['state']}**. {run['message'].partition('. ')[0]}.",
        "",
        *_outcome(carried),
        "",
        *_reasons(carried),
        *_measures(order, carried),
        "",
        *_events(carried.counts),
    ]
    return "\n".join(lines) + "\n"


def inserted(page: str, name: str, part: str) -> str:
    """Return a page with a part of that name put in place of what stands there.

    Raises
    ------
    ValueError
        It has no such place.
    """
    begin, end = f"<!-- recorded: {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no place for it: write {begin.strip()} and {end} there")
    return f"{before}{begin}{part}{end}{after}"


def hardware() -> str:
    """Say what machine this is."""
    information = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (information.read_text().splitlines() if information.exists() else ())
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}"
    )


def _command(order: Order) -> str:
    words = {"SEQUENCE": str(order.sequence), "INSTRUMENT": order.instrument, "SPEED": f"{order.speed:g}"}
    return " ".join(["make record", *(f"{name}={shlex.quote(text)}" for name, text in words.items())])


def _outcome(carried: Carried) -> Iterator[str]:
    """Give a line for each kind: how many detectors came to which verdict."""
    kinds: dict[str, list[Mapping[str, object]]] = {}
    for line in carried.said["calibrations"]:
        if line["set"]:
            kinds.setdefault(line["kind"], []).append(line)
    yield "| kind | detectors | frames of each | made | verdict | published |"
    yield "|---|---|---|---|---|---|"
    for kind, lines in kinds.items():
        frames = sorted({int(str(line["frames"])) for line in lines})
        verdicts = Counter(str(line["verdict"]) for line in lines)
        made = sum(bool(line["product"]) for line in lines)
        published = sum(line["status"] == "current" for line in lines)
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        span = f"{frames[0]}" if len(frames) == 1 else f"{frames[0]} to {frames[-1]}"
        yield f"| {kind} | {len(lines)} | {span} | {made} | {told} | {published} |"


def _reasons(carried: Carried) -> Iterator[str]:
    """Give why something is not as it should be, each reason once."""
    told = [f"{one['verdict']}: {one['reason']}" for one in carried.said["calibrations"] if one["reason"]]
    told += [f"failed in a certified {one}" for one in carried.failures]
    told += [f"note: {note}" for one in carried.said["calibrations"] for note in one["notes"]]
    told += [f"noticed in a {one['kind']}: {one['finding']}" for one in carried.said["noticed"]]
    told += [f"rejected {one['file_name']}: {one['message']}" for one in carried.said["rejected"]]
    told += [f"left: {one}" for one in carried.unrest]
    told += [f"in a log: {one}" for one in carried.problems]
    for text, count in list(Counter(told).items())[:_SHOWN]:
        yield f"- {text}" + (f" ({count} times)" if count > 1 else "")
    if len(set(told)) > _SHOWN:
        yield f"- and {len(set(told)) - _SHOWN} more like these"
    if told:
        yield ""


def _measures(order: Order, carried: Carried) -> Iterator[str]:
    run = carried.said["run"]
    taken = carried.counts["camera-events"].get("ExposureStored", 0)
    worked_s = (run["ended_tai_ns"] - run["begun_tai_ns"]) / 1e9
    clock = f"{order.speed:g} times as fast as real time" if order.speed else "as fast as it can"
    files = ", ".join(f"{count} {what}" for what, count in carried.files.items())
    most, bytes_ = max(carried.peak_bytes.items(), key=lambda one: one[1])
    yield "| measure | |"
    yield "|---|---|"
    yield f"| exposures taken; clock of the camera | {taken}; {clock} |"
    yield f"| files in the object store | {files} |"
    yield f"| until all services took on work | {carried.seconds['services ready']:.0f} s |"
    yield f"| from the request to the end of the run; with waiting for the publications | {worked_s:.0f} s; {carried.seconds['run']:.0f} s |"
    yield f"| most memory of the services, added up; of the largest | {sum(carried.peak_bytes.values()) / _MIB:.0f} MiB; {bytes_ / _MIB:.0f} MiB ({most}) |"
    yield f"| events that stand in the log twice; left in outboxes, dead letters, jobs under way | {carried.repeated}; {len(carried.unrest)} |"
    yield f"| warnings and errors that the services logged | {len(carried.problems)} |"


def _events(counts: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "| topic | events |"
    yield "|---|---|"
    for topic, types in counts.items():
        if types:
            yield f"| `{topic}` | {', '.join(f'{count} {name}' for name, count in types.items())} |"
