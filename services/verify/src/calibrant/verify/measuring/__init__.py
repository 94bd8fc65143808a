"""Measuring the frames of one detector against a product: from files to numbers and verdicts.

Rooms: ``bench`` (what all frames are measured with), ``membership`` and, of flats, ``compositions`` (what noise they must show), ``once`` and
``splitting`` (what is made with all of them), ``references`` (products as what is removed from a frame), ``amplifiers`` (from statistics to numbers),
``artifacts`` (the files it leaves), ``job`` (the computation of a measure job), ``tables`` (that of kinds that are tables and no images), ``telling`` (what a
module of such a kind gives), ``transfer`` (photon transfer curves and gains), ``crosstalk``, ``cti`` (charge transfer), ``units``.
"""

from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.verify.measuring import job, tables

__all__ = ["compute"]


def compute(message: MeasureJob, workspace: Workspace) -> Outcome:
    """Measure what a kind is verified by; see `job.compute` and `tables.compute`."""
    measure = tables.compute if message.kind in tables.TELLINGS else job.compute
    return measure(message, workspace)
