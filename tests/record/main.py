"""``make record``: a sequence over Kafka, PostgreSQL and S3, every service a process; what came of it goes to a page.

The servers are real, and run for this alone on the loopback. Exits with 0 when nothing is left over and nobody logged an error.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from calibrant.bus.testing import broker
from calibrant.runtime.testing import postgres
from record.carried import Order, carry_out
from record.page import inserted, part_of


def main() -> int:
    """Carry a sequence out; return the exit code."""
    words = _parser().parse_args()
    missing = broker.missing() or postgres.missing()
    if missing:
        sys.stderr.write(f"error: {missing}; .ci/servers fetches it\n")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):  # however it is ended, it leaves nothing running
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="calibrant-record-"))
    carried = carry_out(Order(words.sequence, words.instrument, words.speed), folder)
    part = part_of(Order(words.sequence, words.instrument, words.speed), carried)
    sys.stdout.write(part)
    if words.page is not None:
        words.page.write_text(inserted(words.page.read_text(), words.sequence.stem, part))
    if carried.unrest or carried.problems:
        sys.stderr.write(f"What the processes said is kept: {folder}/*/log\n")
        return 1
    shutil.rmtree(folder)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Carry a sequence out over real servers, and write down how it went."
    )
    parser.add_argument("sequence", type=Path, help="the sequence file")
    parser.add_argument("--instrument", required=True, help="the camera, such as latiss")
    parser.add_argument(
        "--speed", type=float, default=0.0, help="clock of the camera: 1 is real time (0: as fast as it can)"
    )
    parser.add_argument("--page", type=Path, help="put it into this page, in the place of the file's name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
