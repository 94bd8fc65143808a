"""Measuring the frames of one detector against a product: from files to numbers and verdicts.

Rooms: ``bench`` (what all frames are measured with), ``membership`` (what noise they must show), ``once`` and
``splitting`` (what is made with all of them), ``references`` (products as what is removed from a frame), ``amplifiers`` (from statistics to numbers),
``artifacts`` (the files it leaves), ``job`` (the computation of a measure job), ``transfer`` (that of a photon transfer curve or of gains, which are no images).
"""

from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.verify.measuring import job, transfer

__all__ = ["compute"]

TABLES = frozenset({"ptc", "gain"})
"""Kinds that are tables alone."""


def compute(message: MeasureJob, workspace: Workspace) -> Outcome:
    """Measure what a kind is verified by; see `job.compute` and `transfer.compute`."""
    measure = transfer.compute if message.kind in TABLES else job.compute
    return measure(message, workspace)
