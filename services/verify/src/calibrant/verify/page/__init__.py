"""The report that people read: one HTML file on a set, without anything outside it.

Rooms: ``words`` (what is said), ``metrics`` (what is drawn), ``charts`` and ``mosaics`` (figures, by ``drawing`` and
``focal_plane``), ``figures`` (what a kind that is tables shows, a module a kind in the form of ``kind_figure``), ``thumbnails`` (products as small pictures), ``rendering`` (the file). Imports matplotlib: for the child process that draws, and nobody else.
"""

from calibrant.verify.page.rendering import render

__all__ = ["render"]
