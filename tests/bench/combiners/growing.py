"""How long the engine takes for one size. ``python -m combiners.growing FRAMES SIDE ROUNDS`` tells seconds as JSON."""

from __future__ import annotations

import json
import sys
import time

from calibrant.pixels import combine
from combiners.data import frames


def main(count: int, side: int, rounds: int) -> None:
    """Combine once unmeasured, then round by round."""
    stack = frames(count, side)
    combine(stack, backend="cpu")
    seconds = []
    for _ in range(rounds):
        begun_s = time.perf_counter()
        combine(stack, backend="cpu")
        seconds.append(time.perf_counter() - begun_s)
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
