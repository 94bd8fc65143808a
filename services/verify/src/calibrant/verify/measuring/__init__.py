"""Measuring the frames of one detector against a product: from files to numbers and verdicts.

Rooms: ``bench`` (what all frames are measured with), ``membership`` (what noise they must show), ``once`` and
``splitting`` (what is made with all of them), ``references`` (products as what is removed from a frame), ``amplifiers`` (from statistics to numbers),
``artifacts`` (the files it leaves), ``job`` (the computation of a measure job).
"""

from calibrant.verify.measuring.job import compute

__all__ = ["compute"]
