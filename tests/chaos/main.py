"""``make chaos``: faults rain on all services while they work; at the end nothing is lost and nothing done twice.

Kafka, PostgreSQL and an S3 service are real and run for this alone, on the loopback. Exits with 0 when all holds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from calibrant.bus.testing import broker
from calibrant.bus.testing.memory import lie_in_memory
from calibrant.runtime.testing import postgres
from chaos.report import as_json, show
from chaos.schedule import GAP_S, schedule
from chaos.storm import Plan, Storm


def main() -> int:
    """Carry a storm out; return the exit code."""
    words = _parser().parse_args()
    missing = "" if words.dry else broker.missing() or postgres.missing()
    if missing:
        sys.stderr.write(f"error: {missing}; .ci/servers fetches it\n")
        return 1
    faults = schedule(words.seed, words.kills, words.gap)
    told = sys.stderr if words.json else sys.stdout
    told.write("".join(f"{fault}\n" for fault in faults))
    told.flush()
    if words.dry:
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):  # however it is ended, it leaves nothing running
        signal.signal(number, signal.default_int_handler)
    lie_in_memory()
    folder = Path(tempfile.mkdtemp(prefix="calibrant-chaos-"))
    return _weather(Plan(folder, faults, settle_s=words.settle), words)


def _weather(plan: Plan, words: argparse.Namespace) -> int:
    storm = Storm(plan)
    try:
        storm.run()
    finally:
        if words.json:
            print(json.dumps(as_json(words.seed, storm.result), indent=1))  # noqa: T201
        else:
            show(words.seed, storm.result, Console())
        if storm.result.good and not words.keep:
            shutil.rmtree(plan.folder)
        else:
            sys.stderr.write(f"What the processes said is kept: {plan.folder}/*/log\n")
    return 0 if storm.result.good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Let faults rain on a site of services, and see what holds.")
    parser.add_argument("--seed", type=int, default=1, help="decides the schedule (1)")
    parser.add_argument("--kills", type=int, default=40, help="how many processes are killed (40)")
    parser.add_argument("--gap", type=float, default=GAP_S, help=f"mean seconds between faults ({GAP_S:g})")
    parser.add_argument("--settle", type=float, default=600.0, help="seconds to the end after the last (600)")
    parser.add_argument("--dry", action="store_true", help="print the schedule and do nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--keep", action="store_true", help="keep what the processes said even if all holds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
