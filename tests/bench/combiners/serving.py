"""A combiner as a process that answers requests, so that each has its own packages and its data stay in its memory.

One line of JSON asks for a job and may name a file for the result; one line answers with the seconds that the job took,
its result being in memory then. Must not need more than NumPy: it runs in the peers' virtual environment too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Job = Callable[[], Any]
"""Combines; gives the combined image, or None where a job has none to show."""


def serve(jobs: Mapping[str, Job]) -> None:
    """Answer requests until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what packages print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = _done(jobs[request["job"]], request.get("save"))
        except Exception as problem:  # noqa: BLE001  the bench names it and goes on without this job
            answer = {"problem": f"{type(problem).__name__}: {problem}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _done(job: Job, save: str | None) -> dict[str, float]:
    begun_s = time.perf_counter()
    result = job()
    seconds = time.perf_counter() - begun_s
    if save is not None:
        np.save(save, np.asarray(result, dtype=np.float64))
    return {"seconds": seconds}
