"""Measuring the frames of one detector against a product: from files to numbers and verdicts.

Rooms: ``bench`` (what all frames are measured with), ``membership`` (what noise they must show), ``once`` and
``splitting`` (what is made with all of them), ``references`` (products as what is removed from a frame), ``amplifiers`` (from statistics to numbers),
``artifacts`` (the files it leaves), ``job`` (the computation of a measure job), ``transfer`` (that of a photon transfer curve, which is no image).
"""

from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.verify.measuring import job, transfer

__all__ = ["compute"]

TRANSFER = "ptc"


def compute(message: MeasureJob, workspace: Workspace) -> Outcome:
    """Measure what a kind is verified by; see `job.compute` and `transfer.compute`."""
    measure = transfer.compute if message.kind == TRANSFER else job.compute
    return measure(message, workspace)
